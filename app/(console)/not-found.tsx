import { NothingHere } from '../_nothing-here.tsx'

/** Inside the frame, which is the page's main part already: the way to the other places stays. */
export default function NotFound() {
  return <NothingHere />
}
