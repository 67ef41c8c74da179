import { store } from './store.js'

const SECONDS = 10

/** Who answered last: `release` and `slot` from the response's headers, `loaded` the first release this page heard of. */
export const [useServer, setServer, getServer] = store({ release: null, slot: null, loaded: null, reachable: true })

export class ApiError extends Error {
  constructor(message, status) {
    super(message)
    this.status = status
  }
}

/** Ask the API; the answer's JSON, or an ApiError whose message can be shown. */
export async function api(path, { method = 'GET', body } = {}) {
  let res
  try {
    res = await fetch(`/api${path}`, {
      method,
      cache: 'no-store',
      signal: AbortSignal.timeout(SECONDS * 1000),
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
  } catch {
    setServer({ reachable: false })
    throw new ApiError('The server cannot be reached. Try again in a moment.', 0)
  }
  const away = [502, 503, 504].includes(res.status)
  const release = res.headers.get('x-release') || 'dev'
  if (!away) setServer({ release, slot: res.headers.get('x-slot') || 'dev', loaded: getServer().loaded ?? release })
  setServer({ reachable: !away })
  if (away) throw new ApiError('The server is not ready. Try again in a moment.', res.status)
  const answer = res.status === 204 ? null : await res.json().catch(() => null)
  if (!res.ok) throw new ApiError(answer?.error ?? `The server answered ${res.status}.`, res.status)
  return answer
}
