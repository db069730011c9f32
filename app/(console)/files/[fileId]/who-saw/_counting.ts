/** The rules by which events become figures; keys of messages `whoSaw.how`. */
export const COUNTING_RULES = ['opening', 'session', 'refused', 'apps'] as const
