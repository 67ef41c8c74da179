const at = (id) => document.getElementById(id)

at('greeting').textContent = import.meta.env.VITE_GREETING ?? 'no greeting'
at('page').textContent = location.pathname

async function load() {
  const entries = await (await fetch('/api/entries')).json()
  at('entries').replaceChildren(
    ...entries.map(({ text, author }) => Object.assign(document.createElement('li'), { textContent: `${text} (${author})` })),
  )
}

at('sign').addEventListener('submit', async (event) => {
  event.preventDefault()
  const text = new FormData(event.target).get('text')
  await fetch('/api/entries', { method: 'POST', body: JSON.stringify({ text, author: 'page' }) })
  event.target.reset()
  load()
})
load()

const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/ws`)
socket.onopen = () => socket.send('hello')
socket.onmessage = ({ data }) => {
  at('echo').textContent = data
}
