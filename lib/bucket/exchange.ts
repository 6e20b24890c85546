import type { ActivationExchange } from '../training';
import type { Workspace } from '../workspace';
import { activationExchange } from './activations';
import type { Bucket } from './bucket';
import { Claims } from './claims';
import { deskOf } from './desk';

/** What a worker needs to work by way of a bucket. */
export interface Exchange {
  readonly bucket: Bucket;
  readonly claims: Claims;
  readonly activations: ActivationExchange;
  /** Where it keeps what it brings and makes. */
  readonly desk: Workspace;
}

export function openExchange(bucket: Bucket, workspace: Workspace): Exchange {
  const claims = new Claims(bucket);
  return { bucket, claims, activations: activationExchange(bucket, claims), desk: deskOf(workspace) };
}
