/** A card that stands where content would: nothing there, not found, failed. */
export function Message({ title, children, action, alert = false, as: Heading = 'h2' }) {
  return (
    <section className="message" role={alert ? 'alert' : undefined}>
      <Heading>{title}</Heading>
      <p>{children}</p>
      {action}
    </section>
  )
}
