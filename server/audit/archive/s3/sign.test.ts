import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { amzDate, authorizationOf, EMPTY_SHA256, encodePart } from './sign.ts'

const at = new Date('2013-05-24T00:00:00Z')
const scope = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  region: 'us-east-1',
  service: 's3',
}
const host = 'examplebucket.s3.amazonaws.com'

type Vector = {
  method: string
  path: string
  query?: Record<string, string>
  headers: Record<string, string>
  payload?: string
  signed: string
  signature: string
}

// "Examples: Signature calculations" of the Amazon S3 API Reference:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
test.each<[string, Vector]>([
  [
    'GET object',
    {
      method: 'GET',
      path: '/test.txt',
      headers: { range: 'bytes=0-9' },
      signed: 'host;range;x-amz-content-sha256;x-amz-date',
      signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    },
  ],
  [
    'PUT object',
    {
      method: 'PUT',
      path: `/${encodePart('test$file.text')}`,
      headers: { date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
      payload: 'Welcome to Amazon S3.',
      signed: 'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
      signature: '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    },
  ],
  [
    'GET bucket lifecycle',
    {
      method: 'GET',
      path: '/',
      query: { lifecycle: '' },
      headers: {},
      signed: 'host;x-amz-content-sha256;x-amz-date',
      signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    },
  ],
  [
    'GET bucket (list objects)',
    {
      method: 'GET',
      path: '/',
      query: { prefix: 'J', 'max-keys': '2' },
      headers: {},
      signed: 'host;x-amz-content-sha256;x-amz-date',
      signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    },
  ],
])('Amazon S3: %s', (_name, { payload = '', headers, signed, signature, ...request }) => {
  const payloadSha256 = createHash('sha256').update(payload).digest('hex')
  const all = { ...headers, host, 'x-amz-content-sha256': payloadSha256, 'x-amz-date': amzDate(at) }
  expect(authorizationOf({ ...request, headers: all, payloadSha256, at }, scope)).toBe(
    `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=${signed}, Signature=${signature}`,
  )
})

// "get-vanilla" and "get-header-value-trim" of the AWS Signature Version 4 test suite (aws-sig-v4-test-suite; also in
// https://github.com/boto/botocore/tree/develop/tests/unit/auth/aws4_testsuite).
test.each([
  ['get-vanilla', {}, '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
  [
    'get-header-value-trim',
    { 'my-header1': ' value1', 'my-header2': ' "a   b   c"' },
    'acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736',
  ],
])('the test suite: %s', (_name, headers, signature) => {
  const when = new Date('2015-08-30T12:36:00Z')
  const request = {
    method: 'GET',
    path: '/',
    headers: { ...headers, host: 'example.amazonaws.com', 'x-amz-date': '20150830T123600Z' },
    payloadSha256: EMPTY_SHA256,
    at: when,
  }
  const key = {
    accessKeyId: 'AKIDEXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
    region: 'us-east-1',
    service: 'service',
  }
  expect(authorizationOf(request, key)).toMatch(new RegExp(`Signature=${signature}$`))
})

test('parts of a path are encoded to the last reserved character', () => {
  expect(encodePart("tenant=a b!'()*~_.-ü")).toBe('tenant%3Da%20b%21%27%28%29%2A~_.-%C3%BC')
})
