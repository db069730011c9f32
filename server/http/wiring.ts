// Loads the doors whose modules answer the kernel's hooks. Whatever authenticates people imports this file.
import '#server/policies/queries.ts'
