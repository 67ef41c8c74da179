/** A card that stands where content would: nothing there, not found, failed. */
export function Message({ title, children, action, alert = false }) {
  return (
    <section className="message" role={alert ? 'alert' : undefined}>
      <h2>{title}</h2>
      <p>{children}</p>
      {action}
    </section>
  )
}
