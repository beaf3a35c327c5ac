import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { IReviewCard } from '../../api/contract';
import { ProblemError } from '../../api/problem';
import type { IRoom } from '../../model/tokens';
import { FormWidget } from '../../parts/widget';
import { DecisionForm } from './decision';
import type { IRequest } from './request';
import { RequestForm } from './request';

/** Stage that is proposed. */
const USUAL_STAGE = 'production';

/**
 * Ask for the reason of a decision, showing exactly what will be signed.
 *
 * @returns The reason, or null where the user thought better of it.
 */
export async function askDecision(
  room: IRoom,
  review: IReviewCard,
  verdict: 'approve' | 'reject'
): Promise<string | null> {
  const { trans } = room;
  const isApproval = verdict === 'approve';
  const result = await showDialog<string>({
    title: isApproval
      ? trans.__('Approve %1', review.model)
      : trans.__('Reject %1', review.model),
    body: new FormWidget('', (reason, onChange) => (
      <DecisionForm
        review={review}
        verdict={verdict}
        reason={reason}
        trans={trans}
        onChange={onChange}
      />
    )),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      isApproval
        ? Dialog.okButton({ label: trans.__('Sign and approve') })
        : Dialog.warnButton({ label: trans.__('Sign and reject') })
    ],
    focusNodeSelector: 'textarea'
  });
  return result.button.accept ? (result.value ?? '').trim() : null;
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
