// A test tells a program line by line, in JSON, what to do next, and reads from it what came of that.

import { createInterface } from "node:readline";

/** `commands` by name; `takeCalls` gives the requests that were sent since. */
export async function obey(commands, takeCalls = () => []) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { command, ...parameters } = JSON.parse(line);
    const answer = {};
    try {
      answer.done = await commands[command](parameters);
    } catch (error) {
      console.error(error);
      answer.failed = {
        error: error.errorCode ?? error.code?.toString() ?? error.name,
        error_description: error.message,
      };
    }
    answer.calls = takeCalls();
    console.log(JSON.stringify(answer));
  }
}
