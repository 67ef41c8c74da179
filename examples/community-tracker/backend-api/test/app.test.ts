// The API against a database that is a Map: `npm test`. The deployment's own tests ask the real one.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http, { type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { after, before } from 'node:test'
import { createApp } from '../src/app'
import { drainable } from '../src/drain'

const rows = new Map<number, any>()
let down = false
let slow = 0
let state = ''  // SQLSTATE that the server answers with
const prisma: any = {
  $queryRaw: async () => {
    if (down) throw Object.assign(new Error('gone'), { code: 'P1001' })
  },
  activity: {
    findMany: async ({ where }: any) => {
      await new Promise((resolve) => setTimeout(resolve, slow))
      if (state) throw refusal()
      return [...rows.values()].filter((row) => row.id < (where?.id.lt ?? Infinity)).reverse()
    },
    findUnique: async ({ where }: any) => rows.get(where.id) ?? null,
    create: async ({ data }: any) => rows.set(rows.size + 1, { id: rows.size + 1, ...data }).get(rows.size),
    update: async ({ where, data }: any) => Object.assign(rows.get(where.id) ?? missing(), data),
    delete: async ({ where }: any) => rows.delete(where.id) || missing(),
  },
}
const missing = () => {
  throw Object.assign(new Error('no such row'), { code: 'P2025' })
}

// As Prisma 7 and its pg adapter wrap it.
const refusal = () =>
  Object.assign(new Error('Database error'), {
    name: 'PrismaClientKnownRequestError',
    code: 'P2039',
    meta: { driverAdapterError: { cause: { originalCode: state } } },
  })

let server: Server
let url: string
before(async () => {
  server = createApp(prisma).listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
after(() => server.close())

const send = async (method: string, path: string, body?: unknown) => {
  const res = await fetch(url + path, { method, body: body && JSON.stringify(body), headers: { 'content-type': 'application/json' } })
  return [res.status, res.status === 204 ? null : await res.json()]
}

test('health follows the database', async () => {
  assert.deepEqual(await send('GET', '/health'), [200, { status: 'ok', database: 'up' }])
  down = true
  assert.deepEqual(await send('GET', '/health'), [503, { status: 'error', database: 'down', error: 'P1001' }])
  down = false
})

test('a database that is starting up is 503, any other fault of it 500', async () => {
  state = '57P03'
  assert.equal((await send('GET', '/api/activities'))[0], 503)
  state = '42P01'
  assert.equal((await send('GET', '/api/activities'))[0], 500)
  state = ''
})

test('an activity is added, read, changed and deleted', async () => {
  assert.deepEqual(await send('POST', '/api/activities', { title: 'Picnic' }), [201, { id: 1, title: 'Picnic' }])
  assert.deepEqual(await send('GET', '/api/activities/1'), [200, { id: 1, title: 'Picnic' }])
  assert.equal((await send('PATCH', '/api/activities/1', { status: 'done' }))[1].status, 'done')
  assert.equal((await send('GET', '/api/activities'))[1].length, 1)
  assert.equal((await send('GET', '/api/activities?before=1'))[1].length, 0)
  assert.equal((await send('DELETE', '/api/activities/1'))[0], 204)
  assert.equal((await send('DELETE', '/api/activities/1'))[0], 404)
})

test('a wrong request is refused as the client’s fault', async () => {
  for (const body of [{}, { title: 'a\0b' }, { title: 'x'.repeat(201) }, { title: 'x', status: 'lost' }, { title: 'x', startsAt: 'soon' }])
    assert.equal((await send('POST', '/api/activities', body))[0], 400, JSON.stringify(body))
  assert.equal((await send('GET', '/api/activities/none'))[0], 400)
  assert.equal((await send('GET', '/api/nothing'))[0], 404)
})

test('draining answers what is in flight, closes its connection, and ends', async () => {
  const own = createApp(prisma).listen(0, '127.0.0.1')
  await once(own, 'listening')
  const drain = drainable(own)
  slow = 300
  const agent = new http.Agent({ keepAlive: true })
  const request = http.get({ port: (own.address() as AddressInfo).port, path: '/api/activities', agent })
  const answer = once(request, 'response')
  await once(own, 'request')
  const ended = new Promise<void>((resolve) => drain(resolve))
  const [response] = (await answer) as [http.IncomingMessage]
  response.resume()
  assert.equal(response.statusCode, 200)
  assert.equal(response.headers.connection, 'close')
  await ended
})
