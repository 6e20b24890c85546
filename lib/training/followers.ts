import type { TensorFlowEngine } from '../engine';
import type { RunRecord } from '../experiments';
import { followRuns } from '../mlflow';
import type { Workspace } from '../workspace';
import { writeEvents } from './tensorBoard';

/**
 * Whom to tell every record of a run that trains: MLflow and TensorBoard, where the environment asks for them. One that fails, such as on a full disk,
 * is told no more, and training goes on.
 */
export async function openFollowers(workspace: Workspace, engine: TensorFlowEngine): Promise<(record: Readonly<RunRecord>) => void> {
  const followers = new Set([followRuns(workspace), await writeEvents(workspace, engine)]);
  return (record) => {
    for (const follow of followers) {
      try {
        follow?.(record);
      } catch (error) {
        followers.delete(follow);
        console.warn(`the run goes on without TensorBoard or MLflow being told: ${(error as Error).message}`);
      }
    }
  };
}
