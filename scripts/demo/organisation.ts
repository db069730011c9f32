import type { DeviceFacts } from '#protocol/device/messages.ts'
import type { Platform } from '#protocol/policy/platforms.ts'

/** The demo's world: everybody and everything in it is made up. `.example` is reserved and reaches nobody. */
export const ORGANISATION = 'Harbour Trading'
export const DOMAIN = 'harbour.example'

export type Person = { name: string; email: string; role: 'owner' | 'admin' | 'compliance' | 'member' }

function person(name: string, role: Person['role'] = 'member'): Person {
  const local = name
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .replaceAll('ı', 'i')
    .toLowerCase()
    .replace(/[^a-z]+/g, '.')
  return { name, email: `${local}@${DOMAIN}`, role }
}

export const OWNER = person('Mara Lindqvist', 'owner')
export const ADMIN = person('Tomás Figueroa', 'admin')
export const STAFF: readonly Person[] = [
  ADMIN,
  person('Ingrid Solheim', 'owner'),
  person('Kwame Boateng', 'admin'),
  person('Yuki Tanabe', 'compliance'),
]

export const MEMBERS: readonly Person[] = [
  ...[
    'Aline Duarte',
    'Anselm Krüger',
    'Beatriz Rocha',
    'Bram de Vries',
    'Chidi Okafor',
    'Chloé Laurent',
    'Dana Petrova',
  ],
  ...['Dmitri Volkov', 'Elif Yıldız', 'Emeka Nwosu', 'Farah Haddad', 'Gavin Doyle', 'Hana Novák', 'Hugo Martins'],
  ...['Imani Njoroge', 'Jonas Bakke', 'Julia Romano', 'Kaito Mori', 'Leila Farouk', 'Liam Brennan', 'Lucía Herrera'],
  ...['Marek Zieliński', 'Mei Lin Zhou', 'Nadia Rahman', 'Niklas Holm', 'Olga Ivanova', 'Pablo Serrano', 'Priya Raman'],
  ...['Quentin Moreau', 'Rosa Marchetti', 'Samir Aziz', 'Sofia Papadaki', 'Tariq Mansour', 'Uma Krishnan', 'Wen Li'],
].map((name) => person(name))

type Model = { platform: Platform; model: string; osVersions: readonly string[]; keyStore: 'file' | 'os' | 'hardware' }

const PHONES: readonly Model[] = [
  { platform: 'ios', model: 'iPhone 16', osVersions: ['18.6', '18.5'], keyStore: 'hardware' },
  { platform: 'android', model: 'Pixel 9', osVersions: ['16', '15'], keyStore: 'hardware' },
  { platform: 'android', model: 'Galaxy S24', osVersions: ['15', '14'], keyStore: 'hardware' },
  { platform: 'ios', model: 'iPhone 14', osVersions: ['18.6', '17.7'], keyStore: 'hardware' },
]

const COMPUTERS: readonly Model[] = [
  { platform: 'macos', model: 'MacBook Air 13', osVersions: ['15.6', '14.7'], keyStore: 'hardware' },
  { platform: 'windows', model: 'ThinkPad T14', osVersions: ['10.0.26100', '10.0.19045'], keyStore: 'os' },
  {
    platform: 'linux',
    model: 'Framework 13',
    osVersions: ['Debian GNU/Linux 13', 'Fedora Linux 42'],
    keyStore: 'file',
  },
]

const APP_VERSIONS = ['2.4.1', '2.4.1', '2.4.0', '2.3.2']

/** A device of somebody, `turn` of all: every platform, a few versions behind here and there. */
export function factsOf({ name }: Person, turn: number, kind: 'phone' | 'computer'): DeviceFacts {
  const models = kind === 'phone' ? PHONES : COMPUTERS
  const model = models[turn % models.length] ?? PHONES[0]
  if (!model) throw new Error('there is no model')
  const { platform } = model
  return {
    name: `${name.split(' ')[0]}’s ${model.model.split(' ')[0]}`,
    platform,
    osVersion: model.osVersions[turn % 3 === 0 ? 1 : 0] ?? '',
    appVersion: APP_VERSIONS[turn % APP_VERSIONS.length] ?? '',
    model: model.model,
    serial: `HT${String(100_000 + turn * 7_919)}`,
    capabilities: {
      eraseVault: true,
      eraseDevice: false,
      lock: true,
      detectCapture: true,
      preventCapture: platform === 'android' || platform === 'windows',
      keyStore: model.keyStore,
    },
  }
}

export type Document = { name: string; labels: string[]; mediaType: string; audience: 'everyone' | number }

const TEXT = 'text/plain'
const CSV = 'text/csv'

/** `audience`: everybody, or so many of the people, counted from a place of its own. */
export const DOCUMENTS: readonly Document[] = [
  { name: 'Board minutes, October.txt', labels: ['board', 'confidential'], mediaType: TEXT, audience: 4 },
  { name: 'Board minutes, November.txt', labels: ['board', 'confidential'], mediaType: TEXT, audience: 4 },
  { name: 'Price list 2027.csv', labels: ['pricing', 'confidential'], mediaType: CSV, audience: 12 },
  { name: 'Carrier rates, Rotterdam.csv', labels: ['pricing'], mediaType: CSV, audience: 12 },
  { name: 'Carrier rates, Singapore.csv', labels: ['pricing'], mediaType: CSV, audience: 12 },
  { name: 'Salary bands.csv', labels: ['people', 'restricted'], mediaType: CSV, audience: 3 },
  { name: 'Offer to Northwind Foods.txt', labels: ['customer', 'confidential'], mediaType: TEXT, audience: 8 },
  { name: 'Contract, Baltic Cold Storage.txt', labels: ['contract', 'confidential'], mediaType: TEXT, audience: 6 },
  { name: 'Contract, Meridian Shipping.txt', labels: ['contract', 'confidential'], mediaType: TEXT, audience: 6 },
  { name: 'Due diligence, Project Lantern.txt', labels: ['merger', 'restricted'], mediaType: TEXT, audience: 3 },
  { name: 'Cash plan Q1.csv', labels: ['finance', 'confidential'], mediaType: CSV, audience: 6 },
  { name: 'Audit letter 2026.txt', labels: ['finance'], mediaType: TEXT, audience: 6 },
  { name: 'Customs declarations, week 47.csv', labels: ['customs'], mediaType: CSV, audience: 14 },
  { name: 'Insurance certificate.txt', labels: ['insurance'], mediaType: TEXT, audience: 'everyone' },
  { name: 'Employee handbook.txt', labels: ['people'], mediaType: TEXT, audience: 'everyone' },
  { name: 'Travel policy.txt', labels: ['people'], mediaType: TEXT, audience: 'everyone' },
  { name: 'Warehouse plan, Pier 4.txt', labels: ['operations'], mediaType: TEXT, audience: 'everyone' },
  { name: 'Crane maintenance.csv', labels: ['operations'], mediaType: CSV, audience: 'everyone' },
  { name: 'Emergency numbers.txt', labels: ['operations'], mediaType: TEXT, audience: 'everyone' },
  { name: 'Supplier scorecard.csv', labels: ['suppliers'], mediaType: CSV, audience: 14 },
  { name: 'Incident report, Pier 2.txt', labels: ['incident', 'confidential'], mediaType: TEXT, audience: 5 },
  { name: 'Security awareness 2026.txt', labels: ['training'], mediaType: TEXT, audience: 'everyone' },
  { name: 'Sales forecast.csv', labels: ['finance', 'confidential'], mediaType: CSV, audience: 8 },
  { name: 'Customer complaints, November.csv', labels: ['customer'], mediaType: CSV, audience: 10 },
  { name: 'Press statement (draft).txt', labels: ['press', 'confidential'], mediaType: TEXT, audience: 4 },
]

/** Some text or table under the document's name: the demo needs something to seal and to open. */
export function contentOf({ name, mediaType }: Document): Uint8Array {
  const rows = Array.from({ length: 40 }, (_, row) => `${row + 1},${name.length * (row + 3)},${(row * 37) % 100}`)
  const lines = Array.from({ length: 40 }, (_, line) => `${line + 1}. ${name.split('.')[0]}: paragraph ${line + 1}.`)
  const body = mediaType === CSV ? ['position,amount,share', ...rows] : [name, '', ...lines]
  return new TextEncoder().encode(`${body.join('\n')}\n`)
}
