/** Labels in words: the classes that are present. */
export function labelsInWords(classes: readonly string[], labels: readonly number[]): string {
  return classes.filter((_, index) => labels[index] === 1).join(', ') || 'none';
}

/** What is proposed to change of labels, such as `−lacteos +arroz`. */
export function changeInWords(classes: readonly string[], given: readonly number[], proposed: readonly number[]): string {
  const named = (sign: string, to: number): string[] =>
    classes.flatMap((name, index) => (proposed[index] === to && given[index] !== to ? [`${sign}${name}`] : []));
  return [...named('−', 0), ...named('+', 1)].join(' ');
}
