import { useRef, useState } from 'react'
import { api } from './api.js'
import { CATEGORIES, capital } from './words.js'

/** Add an activity; what was typed stays until the server has it. */
export default function AddForm({ onAdded }) {
  const [state, setState] = useState({ busy: false, error: null })
  const form = useRef(null)
  const [wide] = useState(() => window.matchMedia('(min-width: 56rem)').matches) // a phone shows the list first

  const add = async (event) => {
    event.preventDefault()
    if (state.busy) return
    const { startsAt, ...fields } = Object.fromEntries(new FormData(form.current))
    setState({ busy: true, error: null })
    try {
      const made = await api('/activities', {
        method: 'POST',
        body: { ...fields, ...(startsAt && { startsAt: new Date(startsAt).toISOString() }) },
      })
      form.current.reset()
      form.current.elements.title.focus()
      setState({ busy: false, error: null })
      onAdded(made)
    } catch (error) {
      setState({ busy: false, error: error.message })
    }
  }

  return (
    <form className="card add" ref={form} onSubmit={add} aria-labelledby="add-title">
      <h2 id="add-title">Add an activity</h2>
      <label className="field">
        <span>Title</span>
        <input name="title" required maxLength={200} autoComplete="off" placeholder="Picnic in the park" />
      </label>
      <details open={wide}>
        <summary>Where, when, what kind</summary>
        <label className="field">
          <span>Where</span>
          <input name="location" maxLength={200} autoComplete="off" placeholder="Optional" />
        </label>
        <label className="field">
          <span>When</span>
          <input name="startsAt" type="datetime-local" />
        </label>
        <label className="field">
          <span>Category</span>
          <select name="category" defaultValue="general">
            {CATEGORIES.map((category) => (
              <option key={category} value={category}>
                {capital(category)}
              </option>
            ))}
          </select>
        </label>
      </details>
      {state.error && (
        <p className="fault" role="alert">
          {state.error}
        </p>
      )}
      <button className="button" disabled={state.busy}>
        {state.busy ? 'Adding…' : 'Add activity'}
      </button>
    </form>
  )
}
