import type { IStageCard, IWatchCard } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { IRoom } from '../../model/tokens';
import { CommandButton } from '../../parts/button';
import { formatDuration } from '../../parts/figures';
import { Glyph } from '../../parts/glyph';
import { useModels } from '../../parts/hooks';
import { ProblemNote } from '../../parts/problem';
import type { Tone } from '../../parts/words';

/** Where data comes from by itself: watched folders, and the pipeline's stages; nothing where there are none. */
export function Sources(props: { room: IRoom }): JSX.Element {
  const { room } = props;
  const { workbench, trans, commands } = room;
  const { watches, stages } = workbench;
  useModels(watches, stages);
  const stale = (stages.value ?? []).some(stage => stage.state !== 'FRESH');
  return (
    <>
      {(watches.value ?? []).length > 0 && (
        <section className="wb-Sources" data-testid="wb-watches">
          <h3>{trans.__('Watched folders')}</h3>
          {watches.value?.map(watch => (
            <Watch key={watch.name} room={room} watch={watch} />
          ))}
        </section>
      )}
      {stages.problem && <ProblemNote problem={stages.problem} />}
      {(stages.value ?? []).length > 0 && (
        <section className="wb-Sources" data-testid="wb-stages">
          <h3>
            {trans.__('Pipeline')}
            {stale && (
              <CommandButton
                commands={commands}
                id={CommandIDs.runPipeline}
                label={trans.__('Run stale stages')}
                testId="wb-pipeline-run"
              />
            )}
          </h3>
          {stages.value?.map(stage => (
            <Stage key={stage.name} room={room} stage={stage} />
          ))}
        </section>
      )}
    </>
  );
}

function Watch(props: { room: IRoom; watch: IWatchCard }): JSX.Element {
  const { room, watch } = props;
  const { trans } = room;
  const tone: Tone = watch.problem
    ? 'bad'
    : watch.waiting > 0
      ? 'wait'
      : 'good';
  const state = trans._n('%1 file taken', '%1 files taken', watch.files);
  const lag =
    watch.waiting > 0
      ? trans.__(
          '%1 waiting for %2',
          watch.waiting,
          formatDuration(watch.lag_s)
        )
      : '';
  return (
    <div className="wb-Line" data-testid={`wb-watch-${watch.name}`}>
      <Glyph tone={tone} label={watch.problem ? trans.__('Problem') : state} />
      <span className="wb-Row-name" title={`${watch.folder} → ${watch.into}`}>
        {watch.name}
        <span className="wb-Row-version">{watch.pattern}</span>
      </span>
      {watch.waiting > 0 ? (
        <CommandButton
          commands={room.commands}
          id={CommandIDs.ingestData}
          args={{ name: watch.name }}
          label={trans.__('Take now')}
          about={watch.name}
          testId="wb-watch-ingest"
        />
      ) : (
        <span />
      )}
      <span className="wb-Row-note wb-Span" title={watch.problem}>
        {watch.problem || [state, lag].filter(Boolean).join(' · ')}
      </span>
    </div>
  );
}

function Stage(props: { room: IRoom; stage: IStageCard }): JSX.Element {
  const { room, stage } = props;
  const { trans, commands } = room;
  const words: Record<string, readonly [Tone, string]> = {
    FRESH: ['good', trans.__('Fresh')],
    STALE: ['warn', trans.__('Stale')],
    NEW: ['idle', trans.__('Never ran')]
  };
  const [tone, label] = words[stage.state] ?? ['idle', stage.state];
  const why = stage.reasons.join(', ');
  return (
    <div className="wb-Line" data-testid={`wb-stage-${stage.name}`}>
      <Glyph tone={tone} label={label} />
      <span className="wb-Row-name" title={stage.notebook || stage.command}>
        {stage.name}
      </span>
      {stage.state === 'FRESH' ? (
        <span />
      ) : (
        <CommandButton
          commands={commands}
          id={CommandIDs.runPipeline}
          args={{ stages: [stage.name] }}
          label={trans.__('Run')}
          about={stage.name}
          testId="wb-stage-run"
        />
      )}
      <span className="wb-Row-note wb-Span" title={why}>
        {[label, why].filter(Boolean).join(' · ')}
      </span>
    </div>
  );
}
