import { signedIn } from '#server/http/session.ts'
import { FilesScreen } from './_components/files-screen.tsx'
import { WhenServed } from './_components/when-served.tsx'

/** My files. Who is signed in may make this browser a device; what is shown then comes by the device. */
export default async function WorkspacePage() {
  const present = await signedIn()
  const isActive = present?.actor.sessionState === 'active'
  return (
    <WhenServed person={isActive ? { name: present.actor.name, organisation: present.organisation.name } : null}>
      <FilesScreen />
    </WhenServed>
  )
}
