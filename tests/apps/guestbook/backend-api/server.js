const { createHash } = require('node:crypto')
const http = require('node:http')
const { PrismaPg } = require('@prisma/adapter-pg')
const { PrismaClient } = require('@prisma/client')
const { WebSocketServer } = require('ws')

const { DATABASE_URL, GUESTBOOK_SECRET, HOST, PORT } = process.env
for (const name of ['DATABASE_URL', 'GUESTBOOK_SECRET', 'HOST', 'PORT']) {
  if (!process.env[name]) throw new Error(`${name} is not set`)
}

const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: DATABASE_URL, connectionTimeoutMillis: 2000, query_timeout: 3000 }) })

const routes = {
  'GET /health': () => prisma.$queryRaw`SELECT 1`.then(() => ({ status: 'ok' })),
  'GET /api/secret-hash': () => ({ sha256: createHash('sha256').update(GUESTBOOK_SECRET).digest('hex') }),
  'GET /api/entries': (_req, before) => prisma.entry.findMany({ ...(before && { where: { id: { lt: before } } }), orderBy: { id: 'desc' }, take: 50 }),
  'POST /api/entries': async (req) => {
    let body = ''
    for await (const part of req.setEncoding('utf8')) body += part
    const { text, author } = JSON.parse(body)
    return prisma.entry.create({ data: { text, author } })
  },
}

// A download of a line every 100 ms: for ?seconds=N, else until a WebSocket says "enough".
const downloads = new Set()
function download(res, seconds) {
  res.writeHead(200, { 'content-type': 'text/plain' })
  const lines = setInterval(() => res.write('more\n'), 100)
  const end = () => {
    clearInterval(lines)
    res.end('whole\n')
  }
  downloads.add(end)
  if (seconds) setTimeout(end, seconds * 1000)
  res.on('close', () => downloads.delete(end) && clearInterval(lines))
}

const server = http.createServer(async (req, res) => {
  const [path, query] = req.url.split('?')
  const number = (name) => Number(new URLSearchParams(query).get(name))
  if (path === '/api/download') return download(res, number('seconds'))
  const route = routes[`${req.method} ${path}`]
  const answer = (status, value) => {
    if (!server.listening) res.setHeader('Connection', 'close')
    res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  }
  if (!route) return answer(404, { error: 'not found' })
  try {
    answer(req.method === 'POST' ? 201 : 200, await route(req, number('before')))
  } catch (error) {
    console.error(`${req.method} ${path}: ${error.code ?? ''} ${error.message}`)
    answer(path === '/health' ? 503 : 500, { error: 'failed' })
  }
})

const sockets = new WebSocketServer({ server, path: '/api/ws' })
sockets.on('connection', (socket) => socket.on('message', (data, isBinary) => {
  if (String(data) === 'enough') for (const end of downloads) end()
  socket.send(data, { binary: isBinary })
}))

server.listen(Number(PORT), HOST, () => console.log(`listening on ${HOST}:${PORT}`))

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    server.close(() => process.exit(0))
    server.closeIdleConnections()
    for (const socket of sockets.clients) socket.close(1001, 'going away')
    // A connection that has asked for nothing, or a WebSocket whose other end is gone, would hold the server for a minute.
    setTimeout(() => process.exit(0), 5000).unref()
  })
}
