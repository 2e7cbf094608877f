// A function that lets everything go on as it is: what a start takes of Node itself.

export async function handler(event) {
  return event.Records[0].cf.request;
}
