import type { TensorFlowEngine } from '../engine';
import type { RunRecord } from '../experiments';
import { followRuns } from '../mlflow';
import type { Workspace } from '../workspace';
import { writeEvents } from './tensorBoard';

/** Whom to tell every record of a run that trains: MLflow and TensorBoard, where the environment asks for them. */
export async function openFollowers(workspace: Workspace, engine: TensorFlowEngine): Promise<(record: Readonly<RunRecord>) => void> {
  const followers = [followRuns(workspace), await writeEvents(workspace, engine)];
  return (record) => {
    for (const follow of followers) follow?.(record);
  };
}
