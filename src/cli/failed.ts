import { Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { uuid } from '../fields.ts';
import { askApi } from './api-client.ts';
import { type ApiAddress, type ConnectionOptions, findApi, withApiOptions } from './connection.ts';
import { CommandError, UsageError } from './failure.ts';
import { printable, printTable } from './table.ts';

const states = ['failed', 'waiting', 'refused'] as const;

const Parked = z.looseObject({
  event_id: z.string(),
  job: z.string(),
  state: z.string(),
  reason: z.string(),
  detail: z.string().nullish(),
  parked_at: z.string(),
});
type Parked = z.output<typeof Parked>;

const Page = z.object({ items: z.array(Parked), next_cursor: z.string().nullish() });

interface ListOptions extends ConnectionOptions {
  state: string;
  job?: string;
  reason?: string;
  limit: number;
  json?: boolean;
}

const command = (name: string): Command =>
  withApiOptions(new Command(name)).option('--json', 'print the result as JSON');

const limitOf = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('must be a whole number from 1');
  return value;
};

export const failedCommand = (): Command =>
  new Command('failed')
    .description('events that could not be applied: look at them, repair them, apply them again')
    .addCommand(
      command('list')
        .description('parked events, oldest first')
        .addOption(new Option('--state <state>').choices(states).default('failed'))
        .option('--job <name>', 'only of this job, such as record-interactions')
        .option('--reason <reason>', 'only with this reason')
        .option('--limit <n>', 'at most so many', limitOf, 50)
        .action(list),
    )
    .addCommand(
      command('show')
        .description('one parked event with its payload, personal fields masked')
        .argument('<event-id>')
        .action(show),
    )
    .addCommand(
      command('replay')
        .description('queue parked events again')
        .argument('[event-ids...]')
        .option('--all', 'every failed event')
        .option('--patch <json>', 'fields to put in place of those in the payload first')
        .action(replay),
    );

const parkedPages = async function* (
  api: ApiAddress,
  filter: Record<string, string | undefined>,
): AsyncGenerator<Parked> {
  let cursor: string | null | undefined;
  do {
    const given = Object.entries({ ...filter, limit: '100', cursor: cursor ?? undefined });
    const query = new URLSearchParams(
      given.filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
    const page = Page.parse(await askApi(api, `/v1/admin/failed?${query}`));
    yield* page.items;
    cursor = page.next_cursor;
  } while (cursor);
};

const list = async ({ state, job, reason, limit, json, ...connection }: ListOptions): Promise<void> => {
  const api = await findApi(connection);
  const found: Parked[] = [];
  for await (const event of parkedPages(api, { state, job, reason })) {
    found.push(event);
    if (found.length === limit) break;
  }
  if (json) return void process.stdout.write(`${JSON.stringify(found)}\n`);
  printTable(
    ['event id', 'job', 'reason', 'parked at', 'detail'],
    found.map((event) => [
      event.event_id,
      event.job,
      event.reason,
      event.parked_at,
      printable(event.detail ?? '').slice(0, 80),
    ]),
  );
  if (found.length === limit) process.stderr.write(`the first ${limit}; see more with --limit\n`);
};

const eventIdOf = (given: string): string => {
  const id = uuid.safeParse(given).data;
  if (id === undefined) throw new UsageError(`"${given}" is no event id`);
  return id;
};

const Known = z.object({ state: z.string() });

const show = async (
  given: string,
  { json, ...connection }: ConnectionOptions & { json?: boolean },
): Promise<void> => {
  const eventId = eventIdOf(given);
  const api = await findApi(connection);
  const { state } = Known.parse(await askApi(api, `/v1/events/${eventId}`));
  if (!states.some((known) => known === state))
    throw new CommandError(`event ${eventId} is not parked but ${state}`);
  for await (const event of parkedPages(api, { state }))
    if (event.event_id === eventId)
      return void process.stdout.write(`${json ? JSON.stringify(event) : JSON.stringify(event, null, 2)}\n`);
  throw new CommandError(`event ${eventId} is not parked any more`);
};

const Replayed = z.looseObject({ replayed: z.number() });

const replay = async (
  given: string[],
  { all, patch, json, ...connection }: ConnectionOptions & { all?: boolean; patch?: string; json?: boolean },
): Promise<void> => {
  if (all === given.length > 0) throw new UsageError('give either event ids or --all');
  if (!all && given.length === 0) throw new UsageError('give either event ids or --all');
  const chosen = all ? { all: true } : { event_ids: given.map(eventIdOf) };
  const api = await findApi(connection);
  const answer = Replayed.parse(
    await askApi(
      api,
      '/v1/admin/failed/replay',
      patch === undefined ? chosen : { ...chosen, patch: patchOf(patch) },
    ),
  );
  process.stdout.write(json ? `${JSON.stringify(answer)}\n` : `${answer.replayed} events queued again\n`);
  if (!all && answer.replayed < given.length)
    throw new CommandError(`${given.length - answer.replayed} of these events are not parked`);
};

const patchOf = (text: string): Record<string, unknown> => {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  } catch {
    throw new UsageError('--patch must be a JSON object, such as \'{"event_value":"4.5"}\'');
  }
};
