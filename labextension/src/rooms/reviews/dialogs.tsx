import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { IReviewCard } from '../../api/contract';
import { ProblemError } from '../../api/problem';
import type { IRoom } from '../../model/tokens';
import { ActingDialog } from '../../parts/acting';
import { FormWidget } from '../../parts/widget';
import { CommentForm } from './commentform';
import type { ISaid } from './decision';
import { DecisionForm } from './decision';
import type { IRequest } from './request';
import { RequestForm } from './request';
import type { Verdict } from './verdicts';
import { askedFor } from './verdicts';
import { placeText } from './words';

/** Stage that is proposed. */
const USUAL_STAGE = 'production';

/** Nothing said yet. */
const NOTHING: ISaid = { reason: '', at: '', shown: '' };

/** The verb of each verdict. */
const VERBS = {
  approve: 'review approve',
  'changes-requested': 'review request-changes',
  reject: 'review reject',
  override: 'review override',
  'post-review': 'review post-review'
} as const;

/**
 * Ask for the reason of a decision, showing exactly what will be signed, and have it signed.
 *
 * The dialog stays open with the reason where it is refused.
 *
 * @param check The check that is waived.
 */
export async function decide(
  room: IRoom,
  review: IReviewCard,
  verdict: Verdict,
  check = ''
): Promise<void> {
  const { trans, workbench } = room;
  const asked = askedFor(verdict, review, check, trans);
  const sign = (said: ISaid): Promise<IReviewCard> => {
    const signed = { ...said, reason: said.reason.trim(), review: review.id };
    return verdict === 'waive'
      ? workbench.call('review waive', { ...signed, check })
      : workbench.call(VERBS[verdict], signed);
  };
  const dialog = new ActingDialog<ISaid>({
    title: asked.title,
    cancelLabel: trans.__('Cancel'),
    actLabel: asked.sign,
    isWarning: verdict !== 'approve' && verdict !== 'post-review',
    initial: NOTHING,
    form: (said, onChange, problem) => (
      <DecisionForm
        room={room}
        review={review}
        verdict={verdict}
        check={check}
        said={said}
        problem={problem}
        onChange={onChange}
      />
    ),
    isReady: said =>
      said.shown !== '' && said.reason.trim().length >= asked.minimum,
    act: sign
  });
  await dialog.launch();
}

/**
 * Ask for a comment, showing exactly what will be signed, and write it down.
 *
 * @param on What it is about: `check:<name>`, `metric:<name>` or `cell:<id>`.
 */
export async function say(
  room: IRoom,
  review: IReviewCard,
  on: string
): Promise<void> {
  const { trans, workbench } = room;
  const dialog = new ActingDialog<ISaid>({
    title: trans.__('Comment on %1', on ? placeText(on, trans) : review.model),
    cancelLabel: trans.__('Cancel'),
    actLabel: trans.__('Comment'),
    initial: NOTHING,
    form: (said, onChange, problem) => (
      <CommentForm
        room={room}
        review={review}
        on={on}
        said={said}
        problem={problem}
        onChange={onChange}
      />
    ),
    isReady: said => said.shown !== '' && said.reason.trim() !== '',
    act: ({ reason, at, shown }) =>
      workbench.call('review comment', {
        review: review.id,
        text: reason.trim(),
        on,
        at,
        shown
      })
  });
  await dialog.launch();
}

/**
 * Ask which model is to be reviewed.
 *
 * @param proposed Run id that is chosen first; empty for the newest.
 * @throws ProblemError `model-missing`, where no run has logged a model yet.
 */
export async function askRequest(
  room: IRoom,
  proposed: string
): Promise<IRequest | null> {
  const { trans, workbench, locale } = room;
  await workbench.runs.refresh();
  const runs = (workbench.runs.value ?? []).filter(
    run => run.models.length > 0 && run.state === 'FINISHED'
  );
  const first = runs.find(run => run.id === proposed) ?? runs[0];
  if (!first) {
    throw new ProblemError({
      code: 'model-missing',
      message: trans.__('No finished run has saved a model yet'),
      hint: 'workbench.save_model(…)',
      status: 0
    });
  }
  const result = await showDialog<IRequest>({
    title: trans.__('Request a review'),
    body: new FormWidget<IRequest>(
      { model: first.id, stage: USUAL_STAGE },
      (value, onChange) => (
        <RequestForm
          runs={runs}
          value={value}
          trans={trans}
          locale={locale}
          onChange={onChange}
        />
      )
    ),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Request') })
    ]
  });
  return result.button.accept ? result.value : null;
}
