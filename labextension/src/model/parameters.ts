/** One declared parameter of a notebook. */
export interface IParameter {
  /** Its name. */
  readonly name: string;
  /** Its default, as it is written in the cell. */
  readonly value: string;
  /** The comment beside it. */
  readonly comment: string;
}

/** What is read of a cell. */
export interface ITaggedCell {
  readonly tags: readonly string[];
  readonly source: string;
}

const ASSIGNMENT =
  /^([A-Za-z_]\w*)\s*(?::[^=#]+)?=(?!=)\s*((?:"[^"]*"|'[^']*'|[^#])*?)\s*(?:#\s*(.*))?$/;

/**
 * Return the parameters that a notebook declares: the assignments of its cell tagged `parameters`, papermill's rule.
 *
 * Only for the form; the server reads the notebook itself and refuses what it does not declare.
 */
export function declaredParameters(
  cells: Iterable<ITaggedCell>
): readonly IParameter[] {
  for (const cell of cells) {
    if (cell.tags.includes('parameters')) {
      return cell.source.split('\n').flatMap(parameterOf);
    }
  }
  return [];
}

function parameterOf(line: string): readonly IParameter[] {
  const match = ASSIGNMENT.exec(line);
  return match
    ? [{ name: match[1]!, value: match[2]!.trim(), comment: match[3] ?? '' }]
    : [];
}
