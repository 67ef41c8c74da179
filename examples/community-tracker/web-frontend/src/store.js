import { useSyncExternalStore } from 'react'

/** A value that components follow: `[use, set, get]`. */
export function store(value) {
  const listeners = new Set()
  const subscribe = (listener) => {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }
  const get = () => value
  const set = (next) => {
    if (Object.keys(next).every((key) => Object.is(next[key], value[key]))) return
    value = { ...value, ...next }
    for (const listener of listeners) listener()
  }
  return [() => useSyncExternalStore(subscribe, get), set, get]
}
