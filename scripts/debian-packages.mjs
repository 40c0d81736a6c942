import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root, run, SetupError, succeeds } from './run.mjs';

/** Where Debian's packages are unpacked: laid out like `/`, but ours, so neither root nor a changed system is needed. */
export const nativeRoot = join(root, '.zyra/native/root');

const apt = join(root, '.zyra/native/apt');

// Signatures and hashes are checked by apt itself with the system's keys; the refusals are spelt out so that a system
// configured more loosely does not loosen them here. The system's hooks (#clear) would act on the system's folders.
const aptConfig = `
Dir::State "${apt}/state";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "${apt}/cache";
Dir::Cache::archives "archives";
Debug::NoLocking "true";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
APT::Get::AllowUnauthenticated "false";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Update::Pre-Invoke;
`;

const aptGet = (args, options) =>
  run('apt-get', ['-c', join(apt, 'apt.conf'), '-q', ...args], {
    ...options,
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
  });

let updated;

const update = async () => {
  for (const folder of ['state/lists/partial', 'cache/archives/partial', 'debs']) {
    await mkdir(join(apt, folder), { recursive: true });
  }
  await writeFile(join(apt, 'apt.conf'), aptConfig);
  // One broken third-party source must not matter when the packages themselves can be had.
  return aptGet(['update']).then(
    () => undefined,
    (error) => error,
  );
};

/** Whether this system has Debian's package tools, root or not. */
export const haveApt = async () =>
  (await succeeds('apt-get', ['--version'])) && (await succeeds('dpkg', ['--version']));

/**
 * Unpack packages, and what they need and the system lacks, under `nativeRoot`.
 * @throws SetupError when a package cannot be had or its signature chain does not hold.
 */
export const unpackPackages = async (names) => {
  updated ??= update();
  const updateError = await updated;
  const plan = await aptGet(['-s', 'install', '--no-install-recommends', ...names]).catch((error) => {
    throw updateError ?? error;
  });
  const missing = [...plan.matchAll(/^Inst (\S+)/gm)].map((match) => match[1]);
  if (missing.length === 0) throw new SetupError(`${names.join(', ')}: installed, yet not usable`);
  const debs = join(apt, 'debs');
  await aptGet(['download', ...missing], { cwd: debs });
  await mkdir(nativeRoot, { recursive: true });
  for (const file of await readdir(debs)) {
    await run('dpkg', ['-x', join(debs, file), nativeRoot]);
    await rm(join(debs, file));
  }
};

/** Remove the package lists and downloads; what was unpacked stays. */
export const forgetPackageLists = async () => {
  updated = undefined;
  await rm(apt, { recursive: true, force: true });
};

/** The unpacked library folders, for the compiler and for programs at run time. */
export const libraryFolders = async () => {
  const lib = join(nativeRoot, 'usr/lib');
  const triplets = (await readdir(lib).catch(() => [])).filter((name) => name.includes('-linux-'));
  return triplets.flatMap((triplet) => [join(lib, triplet, 'openblas-pthread'), join(lib, triplet)]);
};
