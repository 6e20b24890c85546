/** One galaxy with its class. */
export interface GalaxyPicture {
  /** Position in the source. */
  readonly index: number;
  /** Number of its class. */
  readonly label: number;
  /** RGB, shape [size, size, 3]. */
  readonly pixels: Uint8Array;
  /** Where it came from: `file.h5#index`, or a file relative to the source's folder. */
  readonly name: string;
}

/** Where galaxies stand in the sky, in degrees, and how much of it a picture shows. */
export interface SkyPositions {
  readonly ra: Float64Array;
  readonly dec: Float64Array;
  /** Side of a picture, in degrees. */
  readonly side: number;
}

/** A picture that could not be read, and why. */
export interface UnreadableGalaxy {
  readonly file: string;
  readonly detail: string;
}

/** Pictures of galaxies with their classes. Reading them takes little memory, however many there are. */
export interface GalaxySource {
  /** Side of a picture, in pixels. */
  readonly size: number;
  /** Class number of each picture. */
  readonly labels: Uint8Array;
  /** Pictures by class. */
  readonly counts: readonly number[];
  /** Where whoever made the source has split it already: whether a picture is for validation. */
  readonly heldOut?: Uint8Array;
  readonly positions?: SkyPositions;
  /** Every picture once, in order. One that cannot be read is left out where `onUnreadable` is given. @throws UNREADABLE_PICTURE, BAD_GALAXY_FILE */
  pictures(onUnreadable?: (picture: UnreadableGalaxy) => void): AsyncIterable<GalaxyPicture>;
}

/** Pictures of each class. */
export function countClasses(labels: Uint8Array, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const label of labels) counts[label]!++;
  return counts;
}
