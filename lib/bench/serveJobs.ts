import { runLoad } from './serveLoad';

/** What the bench of the server runs in processes of their own. */
export const jobs = { load: runLoad };
