/** What a field's problem says → its message, `errors.field.<key>`. A number in it becomes `{count}`. */
const FIELD_MESSAGES: readonly [RegExp, FieldKey][] = [
  [/^is required$/, 'required'],
  [/^Invalid input/, 'required'],
  [/^needs at least (\d+) characters$/, 'tooShort'],
  [/^may have at most (\d+) characters$/, 'tooLong'],
  [/^needs at least one$/, 'choose'],
  [/^must be one of /, 'choose'],
  [/^is not an email address$/, 'email'],
  [/^is not an id$/, 'unknown'],
  [/^is not a code$/, 'code'],
  [/^is wrong or was used already$/, 'codeUsed'],
  [/^is taken$/, 'taken'],
  [/^is not right$/, 'wrong'],
  [/^holds a /, 'characters'],
  [/^must not be the address/, 'obvious'],
  [/^repeats too few/, 'repetitive'],
  [/more than you/, 'outranks'],
  [/^is not there$/, 'unknown'],
  [/^must be later than from$/, 'later'],
  [/^column (\d+): found /, 'query'],
  [/^is not a time like/, 'time'],
  [/^is not the verifier key of a witness/, 'witnessKey'],
  [/^is not an https:\/\/ address/, 'outsideAddress'],
]

export type FieldKey =
  | 'required'
  | 'tooShort'
  | 'tooLong'
  | 'choose'
  | 'email'
  | 'unknown'
  | 'code'
  | 'codeUsed'
  | 'taken'
  | 'wrong'
  | 'characters'
  | 'obvious'
  | 'repetitive'
  | 'outranks'
  | 'later'
  | 'query'
  | 'time'
  | 'witnessKey'
  | 'outsideAddress'

/** The message of a field's problem; null for one that has none and is shown as it is. */
export function fieldMessage(problem: string): FieldKey | null {
  return FIELD_MESSAGES.find(([pattern]) => pattern.test(problem))?.[1] ?? null
}
