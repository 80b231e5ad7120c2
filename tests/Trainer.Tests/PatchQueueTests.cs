using System.Collections.Concurrent;
using Credence.MedicalIO;
using Credence.Trainer.Sampling;

namespace Credence.Trainer.Tests;

public sealed class PatchQueueTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 1)]
    [InlineData(4, 3)]
    public void Workers_and_depth_change_nothing_about_the_minibatches(int depth, int workers)
    {
        var sampler = RandomCases.Sampler(new AugmentationOptions());
        using var queue = new PatchQueue(step => sampler.Draw(step, 2), first: 5, depth, workers);

        for (var step = 5; step < 15; step++)
        {
            var expected = RandomCases.Sampler(new AugmentationOptions()).Draw(step, 2);
            var actual = (PatchBatch)queue.Take();
            Assert.Equal(expected.Images, actual.Images);
            Assert.Equal(expected.Targets, actual.Targets);
        }
    }

    [Fact]
    public void No_more_minibatches_are_prepared_than_the_depth_allows()
    {
        var drawn = new ConcurrentBag<long>();
        using (var queue = new PatchQueue(Draw, first: 0, depth: 3, workers: 2))
        {
            SpinWait.SpinUntil(() => drawn.Count >= 3, TimeSpan.FromSeconds(10));
            Thread.Sleep(50);
            Assert.Equal([0L, 1, 2], drawn.Order());

            queue.Take().Dispose();
            SpinWait.SpinUntil(() => drawn.Count >= 4, TimeSpan.FromSeconds(10));
            Thread.Sleep(50);
            Assert.Equal([0L, 1, 2, 3], drawn.Order());
        }

        IMinibatch Draw(long step)
        {
            drawn.Add(step);
            return new Counted(() => { });
        }
    }

    [Fact]
    public void What_was_prepared_and_not_taken_is_released()
    {
        var (made, released) = (0, 0);
        using (var queue = new PatchQueue(_ => { Interlocked.Increment(ref made); return new Counted(() => Interlocked.Increment(ref released)); }, first: 0, depth: 4, workers: 2))
        {
            queue.Take().Dispose();
        }

        Assert.Equal(5, made);
        Assert.Equal(5, released);
    }

    [Fact]
    public void A_failure_is_reported_by_the_step_that_it_belongs_to()
    {
        using var queue = new PatchQueue(step => step == 1 ? throw new InvalidOperationException("step 1") : new Counted(() => { }), first: 0, depth: 3, workers: 1);

        queue.Take().Dispose();
        Assert.Equal("step 1", Assert.Throws<InvalidOperationException>(() => queue.Take()).Message);
    }

    private sealed class Counted(Action release) : IMinibatch
    {
        public double ForegroundFraction => 0;

        public int WithForeground => 0;

        public (Tensor Images, Tensor Targets) ToTensors(Device device) => throw new NotSupportedException();

        public void Dispose() => release();
    }
}
