// Asks a service as Smart DCC's client does: fetch of Node, the address made by new URL(mode, backend), the message in
// base64 in JSON, an answer other than 200 an error that names errorCode. One job per line of standard input, one answer
// per line: {mode, message, preserveCounter?} -> {message} or {error, cause}.
import { createInterface } from 'node:readline'

const backend = new URL(process.argv[2])

async function ask(job) {
  const body = { message: Buffer.from(job.message, 'base64').toString('base64') }
  if (typeof job.preserveCounter === 'boolean') {
    body.preserveCounter = job.preserveCounter
  }
  const response = await fetch(new URL(job.mode, backend), {
    method: job.method ?? 'POST',
    headers: { 'Content-Type': 'application/json', ...(job.headers ?? {}) },
    body: job.method === 'GET' ? undefined : JSON.stringify(body),
  })
  const answer = await response.json()
  if (response.status !== 200) {
    return { error: answer.errorCode ?? `HTTP ${response.status}`, cause: answer.error, status: response.status }
  }
  if (typeof answer.message !== 'string') {
    return { error: 'invalid response' }
  }
  // Its callers get text.
  return { message: Buffer.from(answer.message, 'base64').toString('utf8') }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await ask(JSON.parse(line))))
}
