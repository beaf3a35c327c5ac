/** A section that is open is never lower than this, in pixels. */
const LOWEST = 72;

/**
 * Share the panel's height among its sections: each open one gets what it needs; where that is too much, the small ones
 * keep theirs and the large ones share the rest evenly.
 *
 * @param needs Height that each section's content has, in pixels; null for a closed section.
 * @param height Height that there is for all of them, in pixels.
 * @returns Relative sizes, as Lumino takes them; 0 for a closed section.
 */
export function shareHeight(
  needs: readonly (number | null)[],
  height: number
): readonly number[] {
  const wanted = needs.map(need =>
    need === null ? 0 : Math.max(need, LOWEST)
  );
  const open = wanted.filter(need => need > 0).sort((a, b) => a - b);
  let rest = height;
  let limit = Infinity;
  for (const [index, need] of open.entries()) {
    const even = rest / (open.length - index);
    if (need > even) {
      limit = even;
      break;
    }
    rest -= need;
  }
  const sizes = wanted.map(need => Math.min(need, limit));
  if (limit === Infinity && open.length > 0) {
    // What is left over goes to the last open section, so that the others stay where they are.
    const last = sizes.findLastIndex(size => size > 0);
    sizes[last] = (sizes[last] ?? 0) + Math.max(rest, 0);
  }
  return sizes;
}

/** Return the height that a section's content would take without scrolling, in pixels. */
export function neededHeight(section: HTMLElement): number {
  const body = section.querySelector('.wb-Section-body');
  return [...(body?.children ?? [])]
    .flatMap(child =>
      child.classList.contains('wb-Rows') ? [...child.children] : [child]
    )
    .reduce((sum, child) => sum + child.getBoundingClientRect().height, 0);
}
