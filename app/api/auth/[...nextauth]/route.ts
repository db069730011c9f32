export { authRoute as GET, authRoute as POST } from '#server/http/next-auth.ts'
