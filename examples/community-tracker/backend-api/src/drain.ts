import type { Server, ServerResponse } from 'node:http'

/**
 * Watch a server so that it can be stopped without losing a request: the function returned stops listening, answers
 * what is in flight with `Connection: close`, and calls `done` once nothing is left.
 */
export function drainable(server: Server) {
  const open = new Set<ServerResponse>()
  let draining = false

  const last = (res: ServerResponse) => {
    if (!res.headersSent) res.setHeader('Connection', 'close')
    else res.once('finish', () => res.socket?.end())
  }
  server.prependListener('request', (_req, res) => {
    open.add(res)
    res.once('close', () => open.delete(res))
    if (draining) last(res)
  })

  return (done: () => void) => {
    draining = true
    server.close(done)
    server.closeIdleConnections()
    for (const res of open) last(res)
    // A connection that has sent nothing yet, or half a header, counts as busy for headersTimeout (a minute).
    setInterval(() => open.size === 0 && server.closeAllConnections(), 1000).unref()
  }
}
