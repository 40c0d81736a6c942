import { ConfigError, loadConfig } from './config.ts';
import { migrate } from './db/migrate.ts';
import { createLog } from './log.ts';

try {
  const config = loadConfig();
  const log = createLog('migrate', config.LOG_LEVEL);
  try {
    const { applied } = await migrate(config.DATABASE_URL, { log: (line) => log.info(line) });
    log.info({ applied: applied.length, msg: 'the database is up to date' });
  } catch (error) {
    log.fatal({ err: error, msg: 'could not migrate' });
    process.exitCode = 1;
  }
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
