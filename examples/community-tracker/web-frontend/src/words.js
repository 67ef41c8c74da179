export const CATEGORIES = ['general', 'culture', 'music', 'neighbours', 'outdoors', 'sports', 'workshop']
export const STATUSES = ['planned', 'done', 'cancelled']

const day = new Intl.DateTimeFormat(undefined, { day: 'numeric' })
const month = new Intl.DateTimeFormat(undefined, { month: 'short' })
const time = new Intl.DateTimeFormat(undefined, { weekday: 'short', hour: '2-digit', minute: '2-digit' })
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' })

export function when(iso) {
  const date = new Date(iso)
  return { day: day.format(date), month: month.format(date), time: time.format(date), whole: whole.format(date) }
}

export const capital = (word) => word.charAt(0).toUpperCase() + word.slice(1)
