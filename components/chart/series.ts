export type ChartTone = 'ok' | 'warn' | 'danger' | 'accent' | 'violet' | 'neutral'

/** The theme's colours; a chart follows the theme because these are the page's own variables. */
export const toneColor: Record<ChartTone, string> = {
  ok: 'var(--ok)',
  warn: 'var(--warn)',
  danger: 'var(--danger)',
  accent: 'var(--accent)',
  violet: 'var(--violet)',
  neutral: 'var(--line-strong)',
}

export type Series = { key: string; label: string; tone: ChartTone }
export type StackedRow = { label: string; values: Record<string, number> }
export type Slice = { key: string; label: string; value: number; tone: ChartTone; href?: string }
