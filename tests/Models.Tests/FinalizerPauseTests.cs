namespace Credence.Models.Tests;

public sealed class FinalizerPauseTests
{
    [Fact]
    public void No_finalizer_runs_before_the_last_pause_ends()
    {
        var finalized = new ManualResetEventSlim();
        using (var first = FinalizerPause.Begin())
        {
            using (FinalizerPause.Begin())
            {
                Abandon(finalized);
                GC.Collect();
            }

            GC.Collect();
            Assert.False(finalized.Wait(TimeSpan.FromMilliseconds(200)));
            first.Dispose();
            first.Dispose(); // twice is once
        }

        Assert.True(SpinWait.SpinUntil(() => { GC.Collect(); return finalized.IsSet; }, TimeSpan.FromSeconds(20)));
    }

    /// <summary>Without the pause, this load ends in "Expected false to be true" from Scalar.h or a segmentation fault within seconds.</summary>
    [Fact]
    public void Numbers_reach_libtorch_while_another_thread_collects_garbage()
    {
        var isDone = false;
        var collector = new Thread(() =>
        {
            while (!Volatile.Read(ref isDone))
            {
                GC.Collect(0);
                Thread.Sleep(1);
            }
        });
        collector.Start();
        try
        {
            using var x = rand(100_000);
            using var expected = x.softplus();
            for (var round = 0; round < 500; round++)
            {
                using var pause = FinalizerPause.Begin();
                for (var call = 0; call < 10; call++)
                {
                    using var y = x.softplus();
                    using var same = y.eq(expected);
                    Assert.True(same.all().item<bool>());
                }
            }
        }
        finally
        {
            Volatile.Write(ref isDone, true);
            collector.Join();
        }
    }

    private static void Abandon(ManualResetEventSlim finalized) => _ = new Witness(finalized);

    private sealed class Witness(ManualResetEventSlim finalized)
    {
        ~Witness() => finalized.Set();
    }
}
