import { store } from './store.js'

const [useLocation, setLocation] = store({ path: window.location.pathname })

window.addEventListener('popstate', () => setLocation({ path: window.location.pathname }))

/** `{name: 'list'}`, `{name: 'activity', id}` or `{name: 'unknown'}` for the address in the bar. */
export function useRoute() {
  const { path } = useLocation()
  const activity = /^\/activities\/(\d+)\/?$/.exec(path)
  if (activity) return { name: 'activity', id: Number(activity[1]) }
  return { name: path === '/' || /^\/activities\/?$/.test(path) ? 'list' : 'unknown' }
}

export function go(to) {
  window.history.pushState(null, '', to)
  window.scrollTo(0, 0)
  setLocation({ path: to })
}

export function Link({ to, children, ...rest }) {
  const follow = (event) => {
    if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    go(to)
  }
  return (
    <a href={to} onClick={follow} {...rest}>
      {children}
    </a>
  )
}
