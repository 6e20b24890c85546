import type { Task } from '../tasks';
import type { Workspace } from '../workspace';
import type { Admission } from './admission';
import type { ServerConfig } from './config';
import type { Database } from './database';
import type { Inference } from './inference';
import type { RetrainingService } from './retraining';
import type { Uploads } from './uploads';

/** Everything that the routes work with; tests put in their own. */
export interface ServerContext {
  readonly config: ServerConfig;
  readonly workspace: Workspace;
  readonly database: Database;
  readonly uploads: Uploads;
  readonly admission: Admission;
  /** The tasks that have an API and a page, whether or not there is a model of them yet; the first is the seed's first page. */
  readonly tasks: readonly ServedTask[];
}

/** A task that is served. */
export interface ServedTask {
  readonly task: Task;
  readonly inference: Inference;
  /** Absent where a task does not learn from corrections. */
  readonly retraining?: RetrainingService;
}
