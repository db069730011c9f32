import { parseSync } from 'oxc-parser'

/** One `t('…')` in the source: `key` as written behind its namespace; `prefix` when only its beginning is written there. */
export type MessageUse = { key: string; prefix: boolean; line: number }

type Scope = Map<string, string>
type Syntax = { type: string; start: number } & Record<string, unknown>

/** Finds every message that a file asks of a translator it made with `useTranslations` or `getTranslations`. */
export function messageUses(path: string, source: string): MessageUse[] {
  const uses: MessageUse[] = []
  // The parser's tree is walked by shape: only four of its many node types matter here.
  visit(parseSync(path, source).program as unknown as Syntax, new Map(), (key, prefix, at) => {
    uses.push({ key, prefix, line: source.slice(0, at).split('\n').length })
  })
  return uses
}

type Report = (key: string, prefix: boolean, at: number) => void

function visit(node: Syntax, outer: Scope, report: Report) {
  const scope = node.type.includes('Function') ? new Map(outer) : outer
  if (node.type === 'VariableDeclarator') declare(node, scope)
  if (node.type === 'CallExpression') use(node, scope, report)
  for (const child of children(node)) visit(child, scope, report)
}

function children(node: Syntax): Syntax[] {
  return Object.values(node).flat().filter(isSyntax)
}

function isSyntax(value: unknown): value is Syntax {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string'
}

function declare(node: Syntax, scope: Scope) {
  const name = (node.id as Syntax).name
  const call = unwrapped(node.init)
  if (typeof name !== 'string' || call?.type !== 'CallExpression') return
  const maker = (call.callee as Syntax).name
  if (maker !== 'useTranslations' && maker !== 'getTranslations') return
  scope.set(name, namespaceOf((call.arguments as Syntax[])[0]))
}

function unwrapped(node: unknown): Syntax | null {
  if (!isSyntax(node)) return null
  return node.type === 'AwaitExpression' ? unwrapped(node.argument) : node
}

/** `'devices'`, or `{namespace: 'devices', locale}`, or nothing for the root. */
function namespaceOf(argument: Syntax | undefined): string {
  if (typeof argument?.value === 'string') return argument.value
  if (argument?.type !== 'ObjectExpression') return ''
  const property = (argument.properties as Syntax[]).find(
    (candidate) => (candidate.key as Syntax | undefined)?.name === 'namespace',
  )
  const value = (property?.value as Syntax | undefined)?.value
  return typeof value === 'string' ? value : ''
}

function use(call: Syntax, scope: Scope, report: Report) {
  const callee = call.callee as Syntax
  const translator = callee.type === 'MemberExpression' ? (callee.object as Syntax) : callee
  const namespace = typeof translator.name === 'string' ? scope.get(translator.name) : undefined
  if (namespace === undefined) return
  const tell: Report = (key, prefix, at) => report(namespace ? `${namespace}.${key}` : key, prefix, at)
  readKey((call.arguments as Syntax[])[0], tell)
}

function readKey(node: Syntax | undefined, report: Report) {
  if (!node) return
  if (node.type === 'Literal' && typeof node.value === 'string') return report(node.value, false, node.start)
  if (node.type === 'ConditionalExpression') {
    readKey(node.consequent as Syntax, report)
    readKey(node.alternate as Syntax, report)
  }
  if (node.type === 'TemplateLiteral') {
    const [first] = node.quasis as { value: { cooked: string } }[]
    report(first?.value.cooked ?? '', (node.expressions as unknown[]).length > 0, node.start)
  }
}
