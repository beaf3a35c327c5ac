import type { IReleaseCard, IRunnerCard } from '../../api/contract';

/** One channel: its runner, what answers on it now and what did before. */
export interface IChannelRow {
  readonly channel: string;
  readonly runner: IRunnerCard | null;
  /** The newest release first. */
  readonly releases: readonly IReleaseCard[];
}

/** Return releases and runners by channel, in the channels' own order. */
export function channelRows(
  releases: readonly IReleaseCard[],
  runners: readonly IRunnerCard[]
): readonly IChannelRow[] {
  const names = new Set([
    ...releases.map(release => release.channel),
    ...runners.map(runner => runner.channel)
  ]);
  return [...names].sort().map(channel => ({
    channel,
    runner: runners.find(runner => runner.channel === channel) ?? null,
    releases: releases
      .filter(release => release.channel === channel)
      .sort((a, b) => b.version - a.version)
  }));
}
