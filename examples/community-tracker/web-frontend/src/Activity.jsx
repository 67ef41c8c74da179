import { useCallback, useEffect, useState } from 'react'
import { Message } from './Message.jsx'
import { api } from './api.js'
import { Link, go } from './route.jsx'
import { STATUSES, capital, when } from './words.js'

/** One activity under its own address. */
export default function Activity({ id }) {
  const [item, setItem] = useState(null)
  const [fault, setFault] = useState(null)
  const [busy, setBusy] = useState(false)
  const [sure, setSure] = useState(false)

  const load = useCallback(() => {
    setFault(null)
    api(`/activities/${id}`).then(setItem, setFault)
  }, [id])
  useEffect(load, [load])
  useEffect(() => {
    document.title = `${item?.title ?? 'Activity'} · Community Activity Tracker`
  }, [item])

  const run = async (request) => {
    setBusy(true)
    setFault(null)
    try {
      await request()
    } catch (error) {
      setFault(error)
    }
    setBusy(false)
  }
  const mark = (status) => run(async () => setItem(await api(`/activities/${id}`, { method: 'PATCH', body: { status } })))
  const remove = () =>
    run(async () => {
      await api(`/activities/${id}`, { method: 'DELETE' }).catch((error) => {
        if (error.status !== 404) throw error
      })
      go('/')
    })

  const back = (
    <Link to="/" className="back">
      ← All activities
    </Link>
  )
  if (!item && !fault) return <p className="loading" role="status">Loading the activity…</p>
  if (!item) {
    const gone = fault.status === 404 || fault.status === 400
    return (
      <>
        {back}
        <Message
          alert
          as="h1"
          title={gone ? 'No such activity' : 'The activity could not be loaded'}
          action={
            !gone && (
              <button type="button" className="button" onClick={load}>
                Try again
              </button>
            )
          }
        >
          {gone ? 'It may have been deleted.' : fault.message}
        </Message>
      </>
    )
  }
  return (
    <>
      {back}
      <article className="card detail" data-category={item.category} data-status={item.status}>
        <span className="tag">{item.category}</span>
        <h1>{item.title}</h1>
        <dl>
          <dt>When</dt>
          <dd>
            <time dateTime={item.startsAt}>{when(item.startsAt).whole}</time>
          </dd>
          <dt>Where</dt>
          <dd>{item.location ?? 'Not said yet'}</dd>
          <dt>Added</dt>
          <dd>{when(item.createdAt).whole}</dd>
        </dl>
        <div className="filter" role="group" aria-label="Status">
          {STATUSES.map((status) => (
            <button key={status} type="button" aria-pressed={item.status === status} disabled={busy} onClick={() => mark(status)}>
              {capital(status)}
            </button>
          ))}
        </div>
        {fault && (
          <p className="fault" role="alert">
            {fault.message}
          </p>
        )}
        <p className="danger">
          {!sure && (
            <button type="button" className="text" onClick={() => setSure(true)}>
              Delete this activity
            </button>
          )}
          {sure && (
            <>
              Delete it for everybody?{' '}
              <button type="button" className="text" disabled={busy} onClick={remove}>
                Yes, delete
              </button>{' '}
              <button type="button" className="text" onClick={() => setSure(false)}>
                Keep it
              </button>
            </>
          )}
        </p>
      </article>
    </>
  )
}
