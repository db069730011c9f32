/** A report as it is printed: blocks from the top, in the words of its reader's language. */
export type ReportDocument = {
  title: string
  /** BCP 47. */
  language: string
  author: string
  createdAt: Date
  /** Stands at the foot of every page beside its number. */
  footer: string
  blocks: readonly Block[]
}

export type Block =
  | { kind: 'title' | 'heading' | 'text' | 'strong' | 'mono'; text: string }
  | { kind: 'facts'; items: readonly (readonly [term: string, value: string])[] }
  | { kind: 'table'; columns: readonly Column[]; rows: readonly (readonly string[])[] }
  | { kind: 'list'; items: readonly string[] }
  | { kind: 'page' }

/** `share` of the width, among those of the other columns. */
export type Column = { head: string; share: number; align?: 'right' }

/** Every character that the document prints, so that fonts hold those and no others. */
export function textOf({ title, footer, blocks }: ReportDocument): string {
  return [title, footer, ...blocks.flatMap(textsOfBlock)].join('\n')
}

function textsOfBlock(block: Block): readonly string[] {
  switch (block.kind) {
    case 'facts':
      return block.items.flat()
    case 'list':
      return block.items
    case 'table':
      return [...block.columns.map(({ head }) => head), ...block.rows.flat()]
    case 'page':
      return []
    default:
      return [block.text]
  }
}
