import { useCallback, useEffect, useRef, useState } from 'react'
import AddForm from './AddForm.jsx'
import { Message } from './Message.jsx'
import { api, useServer } from './api.js'
import { Link } from './route.jsx'
import { STATUSES, capital, when } from './words.js'

const PAGE = 100
const AGAIN_SECONDS = 10

/** All activities, newest first; asked again now and then, so that other people's appear. */
export default function List() {
  const { items, error, more, load, loadOlder, change, dismiss } = useActivities()
  const [filter, setFilter] = useState('all')
  useEffect(() => {
    document.title = 'Community Activity Tracker'
  }, [])
  const shown = items?.filter((item) => filter === 'all' || item.status === filter)

  return (
    <div className="columns">
      <AddForm onAdded={(made) => change((old) => [made, ...old.filter((item) => item.id !== made.id)])} />
      <section aria-labelledby="list-title" aria-busy={!items && !error}>
        <div className="bar">
          <h1 id="list-title">Activities</h1>
          {items?.length > 0 && <Filter items={items} more={more} filter={filter} onFilter={setFilter} />}
        </div>
        {error && items && (
          <p className="fault" role="alert">
            {error}{' '}
            <button type="button" className="text" onClick={dismiss}>
              Dismiss
            </button>
          </p>
        )}
        {!items && !error && <Skeleton />}
        {!items && error && (
          <Message
            alert
            title="The activities could not be loaded"
            action={
              <button type="button" className="button" onClick={load}>
                Try again
              </button>
            }
          >
            {error}
          </Message>
        )}
        {items?.length === 0 && <Message title="Nothing planned yet">Add the first activity: a picnic, a workshop, a match. Everybody here will see it.</Message>}
        {items?.length > 0 && shown.length === 0 && <Message title={`Nothing ${filter}`}>Other activities are hidden by the filter.</Message>}
        {shown?.length > 0 && (
          <ul className="activities">
            {shown.map((item) => (
              <Row key={item.id} item={item} change={change} />
            ))}
          </ul>
        )}
        {more && (
          <button type="button" className="button quiet" onClick={loadOlder}>
            Show older
          </button>
        )}
      </section>
    </div>
  )
}

function useActivities() {
  const [items, setItems] = useState(null)
  const [error, setError] = useState(null)
  const [more, setMore] = useState(false)
  const { reachable } = useServer()
  const changes = useRef(0)
  const beyond = useRef(false) // older pages were asked for

  const load = useCallback(async () => {
    const seen = changes.current
    try {
      const newest = await api('/activities')
      if (seen !== changes.current) return // asked before the last change of ours: it may lack it
      const oldest = newest.at(-1)?.id ?? 0
      setItems((old) => (newest.length < PAGE ? newest : [...newest, ...(old ?? []).filter((item) => item.id < oldest)]))
      if (!beyond.current) setMore(newest.length === PAGE)
      setError(null)
    } catch (fault) {
      setError(fault.message)
    }
  }, [])
  const loadOlder = async () => {
    try {
      const older = await api(`/activities?before=${items.at(-1).id}`)
      setItems((old) => [...old, ...older.filter((item) => !old.some((has) => has.id === item.id))])
      beyond.current = true
      setMore(older.length === PAGE)
    } catch (fault) {
      setError(fault.message)
    }
  }

  const change = useCallback((next) => {
    changes.current += 1
    setItems((old) => next(old ?? []))
  }, [])

  useEffect(() => {
    load()
    const visible = () => document.visibilityState === 'visible' && load()
    const timer = setInterval(visible, AGAIN_SECONDS * 1000)
    document.addEventListener('visibilitychange', visible)
    window.addEventListener('online', load)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', visible)
      window.removeEventListener('online', load)
    }
  }, [load])

  // Over a list that was loaded before, the banner already says that the server is away.
  return { items, error: items && !reachable ? null : error, more, load, loadOlder, change, dismiss: () => setError(null) }
}

function Filter({ items, more, filter, onFilter }) {
  return (
    <div className="filter" role="group" aria-label="Show">
      {['all', ...STATUSES].map((name) => (
        <button key={name} type="button" aria-pressed={filter === name} onClick={() => onFilter(name)}>
          {capital(name)} <span>{items.filter((item) => name === 'all' || item.status === name).length + (more ? '+' : '')}</span>
        </button>
      ))}
    </div>
  )
}

function Row({ item, change }) {
  const [state, setState] = useState({ busy: false, error: null })
  const date = when(item.startsAt)
  const toggle = async () => {
    setState({ busy: true, error: null })
    try {
      const status = item.status === 'done' ? 'planned' : 'done'
      const now = await api(`/activities/${item.id}`, { method: 'PATCH', body: { status } })
      change((old) => old.map((other) => (other.id === now.id ? now : other)))
      setState({ busy: false, error: null })
    } catch (fault) {
      if (fault.status === 404) return change((old) => old.filter((other) => other.id !== item.id))
      setState({ busy: false, error: fault.message })
    }
  }

  return (
    <li className="activity" data-status={item.status} data-category={item.category}>
      <div className="date">
        <b>{date.day}</b>
        {date.month}
      </div>
      <div className="what">
        <Link to={`/activities/${item.id}`}>{item.title}</Link>
        <p>
          <span className="tag">{item.category}</span>
          <time dateTime={item.startsAt} title={date.whole}>
            {date.time}
          </time>
          {item.location && <span>at {item.location}</span>}
        </p>
        {state.error && (
          <p className="fault" role="alert">
            {state.error}
          </p>
        )}
      </div>
      {item.status === 'cancelled' ? (
        <span className="mark">Cancelled</span>
      ) : (
        <input type="checkbox" aria-label={`Done: ${item.title}`} checked={item.status === 'done'} disabled={state.busy} onChange={toggle} />
      )}
    </li>
  )
}

function Skeleton() {
  return (
    <>
      <p className="hidden" role="status">
        Loading activities…
      </p>
      <ul className="activities" aria-hidden="true">
        {[0, 1, 2].map((n) => (
          <li key={n} className="activity skeleton">
            <div className="date" />
            <div className="what">
              <i />
              <i />
            </div>
          </li>
        ))}
      </ul>
    </>
  )
}
