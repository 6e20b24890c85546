/** The one element that must be there: the page and this script are of one version. */
export function find<Found extends Element = HTMLElement>(selector: string, root: ParentNode = document): Found {
  return root.querySelector<Found>(selector)!;
}

export function findAll<Found extends Element = HTMLElement>(selector: string, root: ParentNode = document): Found[] {
  return [...root.querySelectorAll<Found>(selector)];
}

/** Goes to a run's page. */
export function openRun(id: string): void {
  location.hash = `run-${encodeURIComponent(id)}`;
}
