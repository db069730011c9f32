/** The body is the document itself, or an object that has it as `document`. */
export function withDocument(body: Record<string, unknown>): Record<string, unknown> {
  return 'schema' in body ? { document: body } : body
}
