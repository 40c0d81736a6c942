import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';

/** How to start a program as somebody who may not be root: put `prefix` before it, give `spawn` the rest. */
export interface Identity {
  prefix: string[];
  uid?: number;
  gid?: number;
}

const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
const run = promisify(execFile);

const succeeds = (command: string[], identity: { uid?: number; gid?: number } = {}): Promise<boolean> =>
  run(command[0] as string, command.slice(1), { ...identity, env, cwd: '/' }).then(
    () => true,
    () => false,
  );

/** A number without an account would not do: initdb looks the name up. */
const findNobody = async (): Promise<{ uid: number; gid: number }> => {
  const accounts = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const nobody = accounts.find(([name]) => name === 'nobody');
  if (!nobody)
    throw new Error('PostgreSQL does not run as root, and there is no account "nobody" to run it as.');
  return { uid: Number(nobody[2]), gid: Number(nobody[3]) };
};

/**
 * PostgreSQL refuses to run as root. As root it therefore runs as `nobody` and the folder becomes nobody's, if that
 * account can reach both; else in a user namespace in which root goes by nobody's number. Otherwise as ourselves.
 * @throws when there is neither way.
 */
export const findIdentity = async (program: string, folder: string): Promise<Identity> => {
  if (process.getuid?.() !== 0) return { prefix: [] };
  const { uid, gid } = await findNobody();
  const give = async (owner: { uid: number; gid: number }) => {
    if ((await stat(folder)).uid !== owner.uid)
      await run('chown', ['-R', `${owner.uid}:${owner.gid}`, folder]);
  };
  const canWork = ['sh', '-c', '"$0" --version && test -w "$1"', program, folder];

  await give({ uid, gid });
  if (await succeeds(canWork, { uid, gid })) return { prefix: [], uid, gid };

  await give({ uid: 0, gid: 0 });
  const prefix = ['unshare', '--user', `--map-user=${uid}`, `--map-group=${gid}`, '--'];
  if (await succeeds([...prefix, ...canWork])) return { prefix };

  throw new Error(
    `PostgreSQL does not run as root, and no other account can reach ${folder}. ` +
      'Run this as an ordinary user, or move the project where others may enter.',
  );
};
