import { notFound } from 'next/navigation'

const known = [
  { kind: 'person', id: '1', title: 'Chen Yu', subtitle: 'Finance', href: '/gallery?part=wipe' },
  { kind: 'device', id: '2', title: 'HT-IOS-2204', subtitle: 'Chen Yu', href: '/gallery?part=wipe' },
]

/** Answers the gallery's own field with two samples. */
export function GET(request: Request) {
  if (process.env.NODE_ENV === 'production') notFound()
  const q = new URL(request.url).searchParams.get('q')?.toLowerCase() ?? ''
  return Response.json({ items: known.filter((item) => item.title.toLowerCase().includes(q)) })
}
