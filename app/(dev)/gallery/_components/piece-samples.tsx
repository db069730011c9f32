import { Donut } from '#components/chart/donut.tsx'
import { StackedChart } from '#components/chart/stacked-chart.tsx'
import { LiveRefresh } from '#components/shell/live-refresh.tsx'
import { Avatar } from '#components/ui/avatar.tsx'
import { Button } from '#components/ui/button.tsx'
import { Card, Panel } from '#components/ui/card.tsx'
import { Checkbox, Radio, Switch } from '#components/ui/check.tsx'
import { Combobox } from '#components/ui/combobox.tsx'
import { CopyButton } from '#components/ui/copy-button.tsx'
import { ButtonRow, Dialog } from '#components/ui/dialog.tsx'
import { Diff } from '#components/ui/diff.tsx'
import { Link } from '#components/ui/link.tsx'
import { Code, Kbd } from '#components/ui/mono.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { RelativeTime } from '#components/ui/relative-time.tsx'
import { EmptyState, ErrorState, NotPermitted, SkeletonRows } from '#components/ui/states.tsx'
import { Steps } from '#components/ui/steps.tsx'
import { LinkTabs, Tabs } from '#components/ui/tabs.tsx'
import { Tag } from '#components/ui/tag.tsx'

export function PieceSamples() {
  return (
    <div className="mt-6 grid grid-cols-2 gap-4 max-lg:grid-cols-1">
      <Card>
        <Panel title="Wipe HT-IOS-2204" aside={<Tag tone="warn">Waiting for device</Tag>}>
          <Steps
            label="Progress"
            steps={[
              { key: 'a', title: 'Requested', detail: 'Mei Lau 09:12', state: 'done' },
              { key: 'b', title: 'Approved', detail: 'R. Ortiz 09:14', state: 'done' },
              { key: 'c', title: 'Delivered', detail: 'offline since 08:50', state: 'now' },
              { key: 'd', title: 'Erased', state: 'todo' },
              { key: 'e', title: 'Receipt', state: 'todo' },
            ]}
          />
          <p className="text-ink-2">Blocked 09:12. It erases when it next connects.</p>
          <div className="mt-2.5 flex flex-wrap gap-2">
            <Button>Cancel wipe</Button>
            <Button variant="danger">Escalate to full erase</Button>
            <Button variant="ghost">Ghost</Button>
            <LiveRefresh url="/gallery/none" />
          </div>
        </Panel>
      </Card>
      <Card>
        <Panel title="Finance — data, v15 draft" aside={<Button variant="primary">Publish…</Button>} className="pb-0" />
        <Diff
          label="Changes"
          lines={[
            { kind: 'same', text: 'screenshot' },
            { kind: 'removed', text: 'mode: log' },
            { kind: 'added', text: 'mode: block' },
          ]}
        />
        <Notice className="mx-4 mb-3.5">
          <b>If published now:</b> 214 people affected · 0 people locked out.
        </Notice>
      </Card>
      <Card>
        <Panel title="Posture">
          <Donut
            label="Devices by state"
            slices={[
              { key: 'a', label: 'Active', value: 2901, tone: 'ok', href: '/gallery' },
              { key: 'b', label: 'Silent for a week', value: 180, tone: 'warn', href: '/gallery' },
              { key: 'c', label: 'Blocked', value: 37, tone: 'danger', href: '/gallery' },
            ]}
          />
          <StackedChart
            label="Devices by platform"
            series={[
              { key: 'ok', label: 'current', tone: 'ok' },
              { key: 'old', label: 'old', tone: 'warn' },
            ]}
            rows={[
              { label: 'iOS', values: { ok: 80, old: 20 } },
              { label: 'Windows', values: { ok: 120, old: 40 } },
            ]}
          />
        </Panel>
      </Card>
      <Card>
        <Panel title="Controls">
          <LinkTabs
            label="Sections"
            current="a"
            tabs={[
              { key: 'a', title: 'Facts', href: '/gallery' },
              { key: 'b', title: 'History', href: '/gallery?b' },
            ]}
          />
          <Checkbox label="Also sign out" hint="On every browser" name="c" defaultChecked />
          <Radio label="From a date" name="r" defaultChecked />
          <Switch label="Two-factor sign-in" name="s" defaultChecked />
          <Combobox
            aria-label="Person"
            name="person"
            placeholder="Choose a person"
            items={[
              { value: '1', label: 'Chen Yu', hint: 'Finance' },
              { value: '2', label: 'Ana Sousa' },
            ]}
          />
          <div className="mt-3 flex flex-wrap items-center gap-2">
            <CopyButton value="gd_x" /> <Kbd>⌘K</Kbd> <Avatar name="陈宇航" /> <Link href="/gallery">a link</Link>
            <RelativeTime value="2026-11-22T09:41:07.318Z" />
            <Dialog title="Block this device?" description="It can be undone." trigger={<Button>Open dialog</Button>}>
              <ButtonRow>
                <Button variant="danger">Block</Button>
              </ButtonRow>
            </Dialog>
          </div>
          <Code className="mt-3">gatehouse-agent enroll --gateway https://gate.example:8443 --code 7QX4-91KD</Code>
        </Panel>
      </Card>
      <Card>
        <Tabs
          label="States"
          tabs={[
            {
              key: 'empty',
              title: 'Empty',
              content: (
                <EmptyState
                  title="No device yet"
                  text="Create an enrolment code and use it on a phone."
                  action={<Button variant="primary">Create code</Button>}
                />
              ),
            },
            { key: 'failed', title: 'Failed', content: <ErrorState requestId="01936b8e" /> },
            { key: 'denied', title: 'Not permitted', content: <NotPermitted permission="devices:read" /> },
            { key: 'loading', title: 'Loading', content: <SkeletonRows rows={4} /> },
          ]}
        />
      </Card>
    </div>
  )
}
