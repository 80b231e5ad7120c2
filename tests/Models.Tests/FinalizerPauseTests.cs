namespace Credence.Models.Tests;

/// <summary>Pauses of other tests would hold this one's finalizers back, too.</summary>
[CollectionDefinition(nameof(FinalizerPauseTests), DisableParallelization = true)]
[Collection(nameof(FinalizerPauseTests))]
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

    /// <summary>TorchSharp waits for finalizers before it reports that a tensor could not be made: the pause must end by itself.</summary>
    [Fact]
    public async Task A_tensor_that_cannot_be_made_is_an_error_and_no_standstill()
    {
        var attempt = Task.Run(() =>
        {
            using var pause = FinalizerPause.Begin(TimeSpan.FromSeconds(1));
            Assert.ThrowsAny<Exception>(() => zeros(1L << 50));
        }, TestContext.Current.CancellationToken);

        await attempt.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
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
