import type { TranslationBundle } from '@jupyterlab/translation';

/** Return the kind of something in which two candidates differ; one that is not known here stays as it is. */
export function differenceWord(kind: string, trans: TranslationBundle): string {
  const words: Record<string, string> = {
    added: trans.__('Added'),
    dropped: trans.__('Dropped'),
    retyped: trans.__('Type changed'),
    moved: trans._p('difference', 'Moved'),
    class: trans._p('difference', 'Classes'),
    bound: trans._p('difference', 'Signed'),
    param: trans._p('difference', 'Parameter'),
    metric: trans._p('difference', 'Metric'),
    check: trans._p('difference', 'Check'),
    package: trans._p('difference', 'Package'),
    seed: trans._p('difference', 'Seed'),
    machine: trans._p('difference', 'Machine'),
    input: trans._p('difference', 'Input'),
    code: trans._p('difference', 'Code'),
    tag: trans._p('difference', 'Tag')
  };
  return words[kind] ?? kind;
}

/** Return what a decision is bound to, in words. */
export function boundWord(name: string, trans: TranslationBundle): string {
  const words: Record<string, string> = {
    model_digest: trans.__('Model'),
    dataset_versions: trans.__('Dataset version'),
    commit: trans.__('Commit'),
    notebook_digest: trans.__('Notebook'),
    environment_digest: trans.__('Environment'),
    policy_digest: trans.__('Policy'),
    evidence_digest: trans.__('Evidence')
  };
  return words[name] ?? name;
}

/** Return what a comment is about, in words. */
export function placeText(on: string, trans: TranslationBundle): string {
  const [kind, ...rest] = on.split(':');
  const name = rest.join(':');
  const words: Record<string, string> = {
    check: trans.__('check %1', name),
    metric: trans.__('metric %1', name),
    cell: trans.__('cell %1', name)
  };
  return words[kind ?? ''] ?? on;
}
