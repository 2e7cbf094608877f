// Where tables come from: the bundled ones first, then DynamoDB in the nearest region, read again beside answers.
//
// Lambda freezes an environment between two events. So nothing is done by timers: whether a reading is due is looked at
// when an event comes, what was begun goes on during the events after, and what was frozen for too long is begun anew.
// A table that is held never makes an event wait, unless nothing could be read for so long (OLD) that an environment with
// few events would never get a reading done; then one event in so many waits, and not for long (PATIENCE_OLD).

import { createRequire } from 'node:module';

const SECOND = 1000;
// How long a reading may take; one that was frozen for longer is given up.
const DEADLINE = 10 * SECOND;
// How long the first events wait for a first table. CloudFront gives viewer events five seconds.
const PATIENCE = 3 * SECOND;
const OLD = 600 * SECOND;
const PATIENCE_OLD = 300;
// Failures are tried again after a second, then after twice as long each time, and never later than this or `refresh`.
const FIRST_PAUSE = SECOND;
const LAST_PAUSE = 10 * SECOND;

export class Tables {
  #edge;
  #tables;
  #refresh;

  constructor(edge) {
    this.#edge = edge;
    this.#refresh = edge.settings.refresh * SECOND;
    this.#tables = edge.settings.tables.map((table, place) => ({
      ...table,
      regions: byNearness(table.regions, process.env.AWS_REGION),
      place,
      held: edge.holds(place),
      doubt: null,
      due: 0,
      failures: 0,
      waitedAt: 0,
    }));
  }

  // Takes a bundled table. DynamoDB is read all the same, as soon as an event comes.
  bundle(place, json) {
    const table = this.#tables[place];
    try {
      this.#edge.page(place, json);
      const { held, doubt } = this.#edge.publish(place);
      table.held = held;
      // One that is packed is held already, and what lies beside is looked at as if it came from a store.
      if (doubt) log('warn', `the bundled table is held back: ${doubt}`);
    } catch (error) {
      this.#edge.drop(place);
      log('warn', `the bundled table cannot be used: ${error.message}`);
    }
  }

  // Begins the readings that are due. What it gives back, if anything, is to be waited for.
  refresh(now = Date.now()) {
    let waits;
    for (const table of this.#tables) {
      const wait = this.#one(table, now);
      if (wait) (waits ??= []).push(wait);
    }
    return waits && Promise.all(waits);
  }

  #one(table, now) {
    // A file is what is bundled.
    if (table.source !== 'dynamodb') return undefined;
    if (table.reading && now - table.begun > DEADLINE) {
      table.abort.abort();
      table.reading = undefined;
    }
    if (!table.reading && now >= table.due) this.#begin(table, now);
    if (!table.reading) return undefined;
    if (!table.held) return within(table.reading, table.begun + PATIENCE - now);
    if (now - table.readAt > OLD && now - table.waitedAt > OLD) {
      table.waitedAt = now;
      return within(table.reading, PATIENCE_OLD);
    }
    return undefined;
  }

  // One reading at a time; whoever comes meanwhile shares it.
  #begin(table, now) {
    const abort = new AbortController();
    table.abort = abort;
    table.begun = now;
    table.readAt ??= now;
    table.reading = this.#read(table, abort.signal).then(
      () => this.#done(table, abort),
      (error) => this.#failed(table, abort, error),
    );
  }

  async #read(table, signal) {
    const failures = [];
    for (const region of table.regions) {
      try {
        const pages = await scan(table, region, signal);
        // Another reading may have taken this one's place.
        signal.throwIfAborted();
        for (const page of pages) this.#edge.page(table.place, page);
        return;
      } catch (error) {
        this.#edge.drop(table.place);
        failures.push(`${region ?? 'its region'}: ${error.name}: ${error.message}`);
        if (signal.aborted) break;
      }
    }
    throw new Error(failures.join('; '));
  }

  #done(table, abort) {
    if (table.abort !== abort) return;
    const now = Date.now();
    const told = this.#edge.publish(table.place, now);
    table.held = told.held;
    table.failures = told.held ? 0 : table.failures + 1;
    if (told.doubt !== table.doubt) log('warn', `held back: table ${table.name}: ${told.doubt ?? 'nothing any more'}`);
    table.doubt = told.doubt;
    if (told.invalid.length > 0 && told.changed) log('warn', `rows of table ${table.name} are quarantined`, told.invalid);
    if (!told.doubt) table.readAt = now;
    this.#next(table, now);
  }

  #failed(table, abort, error) {
    if (table.abort !== abort) return;
    table.failures += 1;
    // Once for each outage, or logs would grow with requests.
    if (table.failures === 1) log('warn', `table ${table.name} cannot be read: ${error.message}`);
    this.#next(table, Date.now());
  }

  #next(table, now) {
    const pause = table.failures > 0 ? Math.min(FIRST_PAUSE * 2 ** (table.failures - 1), Math.max(this.#refresh, LAST_PAUSE)) : this.#refresh;
    // Environments that began together need not read together.
    table.due = now + pause * (0.8 + 0.2 * Math.random());
    table.reading = undefined;
  }
}

// Regions, the nearest to this one first: itself, then those whose names have most in common with it (`eu-west-1` and
// `eu-west-2`, then `eu-central-1`), then as they are written. Without any, this one.
export function byNearness(regions, here) {
  if (regions.length === 0) return [here];
  const parts = (here ?? '').split('-');
  const common = (region) => {
    const own = region.split('-');
    const differs = own.findIndex((part, n) => part !== parts[n]);
    return differs < 0 ? own.length : differs;
  };
  return regions.map((region, n) => [common(region), n, region]).sort((a, b) => b[0] - a[0] || a[1] - b[1]).map(([, , region]) => region);
}

// All pages, or an error. The runtime's client is loaded here, when it is first needed: it takes longer than all else.
async function scan(table, region, signal) {
  const { DynamoDBClient, ScanCommand } = await client();
  const store = (table.clients ??= new Map()).get(region) ?? connect(DynamoDBClient, table, region);
  table.clients.set(region, store);
  const pages = [];
  let from;
  do {
    const page = await store.send(new ScanCommand({ TableName: table.name, ExclusiveStartKey: from }), { abortSignal: AbortSignal.any([signal, AbortSignal.timeout(DEADLINE / 2)]) });
    pages.push(JSON.stringify(page.Items ?? [], bytes));
    from = page.LastEvaluatedKey;
  } while (from);
  return pages;
}

function connect(DynamoDBClient, { endpoint }, region) {
  // A request is tried twice; a silent store must not keep the first events for long.
  const requestHandler = { connectionTimeout: 1000, requestTimeout: 1500, throwOnRequestTimeout: true };
  return new DynamoDBClient({ region, endpoint, maxAttempts: 2, requestHandler });
}

// In an ES module, the runtime's packages are found by `import` or, as NODE_PATH says, by `require` alone.
async function client() {
  try {
    return await import('@aws-sdk/client-dynamodb');
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return createRequire(import.meta.url)('@aws-sdk/client-dynamodb');
  }
}

// The client gives bytes as they are; in JSON they are base64.
function bytes(_, value) {
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
}

// Waits no longer than that. What comes later is there for the next event.
function within(reading, patience) {
  let timer;
  const enough = new Promise((resolve) => {
    timer = setTimeout(resolve, Math.max(patience, 0));
  });
  return Promise.race([reading, enough]).finally(() => clearTimeout(timer));
}

function log(level, message, more) {
  console.log(JSON.stringify({ level, message, ...(more && { more }) }));
}
