/** A class of Galaxy10 DECaLS. */
export interface GalaxyClass {
  readonly name: string;
  /** Pictures of it in the published file. */
  readonly published: number;
}

/**
 * The ten classes of Galaxy10 DECaLS in the order of its `ans`, with the names that astroNN gives them, and how many of the 17,736
 * published pictures each has (https://github.com/henrysky/Galaxy10, Leung and Bovy). The labels are votes of Galaxy Zoo's volunteers.
 */
export const galaxy10Classes: readonly GalaxyClass[] = [
  { name: 'Disturbed', published: 1081 },
  { name: 'Merging', published: 1853 },
  { name: 'Round Smooth', published: 2645 },
  { name: 'In-between Round Smooth', published: 2027 },
  { name: 'Cigar Shaped Smooth', published: 334 },
  { name: 'Barred Spiral', published: 2043 },
  { name: 'Unbarred Tight Spiral', published: 1829 },
  { name: 'Unbarred Loose Spiral', published: 2628 },
  { name: 'Edge-on without Bulge', published: 1423 },
  { name: 'Edge-on with Bulge', published: 1873 },
];

export const galaxy10Names: readonly string[] = galaxy10Classes.map(({ name }) => name);
