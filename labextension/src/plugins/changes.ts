import { Notification } from '@jupyterlab/apputils';
import type { CommandRegistry } from '@lumino/commands';
import { CommandIDs } from '../model/commands';
import type { IWorkbench } from '../model/tokens';
import { attempt } from '../parts/notify';
import { addActions } from './actions';
import { textOf, textsOf } from './args';

/** How long a deletion offers its undoing, in milliseconds. */
const UNDO_MS = 15_000;

/** Add the commands that change what is known of a run. */
export function addRunChanges(
  commands: CommandRegistry,
  shared: IWorkbench
): void {
  const { workbench, trans } = shared;
  const run = trans.__('MLflow run id');
  addActions(commands, shared, [
    {
      id: CommandIDs.starRun,
      label: trans.__('Star a run'),
      args: { run },
      changes: ['run'],
      run: args => {
        const runs = [textOf(args, 'run')];
        return args['starred'] === false
          ? workbench.call('runs unstar', { runs })
          : workbench.call('runs star', { runs });
      }
    },
    {
      id: CommandIDs.noteRun,
      label: trans.__('Write a note about a run…'),
      caption: trans.__('In Markdown; MLflow’s own pages show it too'),
      args: { run },
      options: { note: trans.__('The note as it is now') },
      changes: ['run'],
      run: async args => {
        const { askTexts } = await import('../parts/texts');
        const asked = await askTexts(
          trans,
          trans.__('Note'),
          trans.__('Save'),
          [{ name: 'note', label: trans.__('Markdown'), isLong: true }],
          { note: textOf(args, 'note') }
        );
        if (asked) {
          await workbench.call('runs note', {
            run: textOf(args, 'run'),
            text: asked['note'] ?? ''
          });
        }
      }
    },
    {
      id: CommandIDs.tagRun,
      label: trans.__('Set a tag of a run…'),
      caption: trans.__('An empty value takes the tag off'),
      args: { run },
      changes: ['run'],
      run: async args => {
        const { askTexts } = await import('../parts/texts');
        const asked = await askTexts(
          trans,
          trans.__('Set tag'),
          trans.__('Save'),
          [
            { name: 'name', label: trans.__('Name') },
            { name: 'value', label: trans.__('Value') }
          ]
        );
        if (asked?.['name']) {
          await workbench.call('runs tag', {
            run: textOf(args, 'run'),
            tags: { [asked['name']]: asked['value'] ?? '' }
          });
        }
      }
    },
    {
      id: CommandIDs.deleteRuns,
      label: trans.__('Delete runs'),
      caption: trans.__('They leave the lists and can be brought back'),
      args: { runs: [trans.__('MLflow run ids')] },
      changes: ['run'],
      run: async args => {
        const runs = textsOf(args, 'runs');
        await workbench.call('runs delete', { runs });
        workbench.selection.clear();
        offerUndo(shared, runs);
      }
    },
    {
      id: CommandIDs.reproduceRun,
      label: trans.__('Reproduce a run'),
      caption: trans.__(
        'Run it again from its commit, data and parameters, and compare'
      ),
      args: { run },
      changes: ['job', 'run'],
      run: args => workbench.call('reproduce', { run: textOf(args, 'run') })
    },
    {
      id: CommandIDs.verifyRun,
      label: trans.__('Look anew how far a run can be proved'),
      caption: trans.__('Hash code, data and packages again; nothing is run'),
      args: { run },
      changes: ['run'],
      run: args => workbench.call('runs verify', { run: textOf(args, 'run') })
    },
    {
      id: CommandIDs.resumeRun,
      label: trans.__('Resume a run'),
      caption: trans.__('Puts a cell that goes on from it into the notebook'),
      args: { run },
      isEnabled: () => commands.isEnabled(CommandIDs.insertCell),
      run: args =>
        commands.execute(CommandIDs.insertCell, {
          source: `import workbench\n\nwith workbench.run(resume="${textOf(args, 'run')}"):\n    ...`
        })
    }
  ]);
}

function offerUndo(shared: IWorkbench, runs: readonly string[]): void {
  const { workbench, trans } = shared;
  Notification.success(
    trans._n('%1 run deleted', '%1 runs deleted', runs.length),
    {
      autoClose: UNDO_MS,
      actions: [
        {
          label: trans.__('Undo'),
          callback: () =>
            void attempt(trans, async () => {
              await workbench.call('runs undelete', { runs });
              await workbench.refreshNouns(new Set(['run'] as const));
            })
        }
      ]
    }
  );
}
